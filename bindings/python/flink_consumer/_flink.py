"""What the package adds to PyFlink when it is imported, and the Java side that it needs.

PyFlink is not required: without it nothing is added, and only what runs in Flink is an error."""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import pathlib
import weakref
from typing import Any, Callable, Dict, List, Set

_found = importlib.util.find_spec("pyflink")
# Any folder of the name is found too, but has no origin.
HAS_FLINK = _found is not None and _found.origin is not None
_JARS = "ICESINK_FLINK_JARS"
_logger = logging.getLogger("flink_consumer")

# By the identity of Flink's environment, of which PyFlink has many wrappers: the job parameters that say whose errors
# are taken, and the error sinks that nothing is connected to.
_taken: Dict[int, Set[str]] = {}
_unconnected: Dict[int, "weakref.WeakSet[Any]"] = {}


def error_tag(name: str) -> Any:
    """The OutputTag of error records; None without PyFlink."""
    if not HAS_FLINK:
        return None
    from pyflink.datastream import OutputTag

    return OutputTag(name)


# Jars ----------------------------------------------------------------------------------------------------------------


def _jar_urls() -> List[str]:
    named = os.environ.get(_JARS, "")
    paths = [pathlib.Path(path) for path in named.split(os.pathsep) if path]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{_JARS} names no file: {', '.join(missing)}")
    return [path.resolve().as_uri() for path in paths]


def add_jars(env: Any) -> None:
    """Have a job take along the jars of ICESINK_FLINK_JARS, once."""
    from pyflink.common import Configuration
    from pyflink.util.java_utils import get_j_env_configuration

    configuration = Configuration(j_configuration=get_j_env_configuration(env._j_stream_execution_environment))
    there = configuration.get_string("pipeline.jars", "")
    wanted = [url for url in _jar_urls() if url not in there]
    if wanted:
        env.add_jars(*wanted)


def java_class(name: str, jar: str) -> Any:
    """A class of Flink's class path, or of the jars of ICESINK_FLINK_JARS. Errors: ImportError, which names the jar."""
    from py4j.java_gateway import JavaClass
    from pyflink.java_gateway import get_gateway
    from pyflink.util.java_utils import add_jars_to_context_class_loader

    urls = _jar_urls()
    if urls:
        add_jars_to_context_class_loader(urls)
    found = functools.reduce(getattr, name.split("."), get_gateway().jvm)
    if not isinstance(found, JavaClass):
        raise ImportError(f"Flink has no {name}: put {jar} into Flink's lib folder, or name its path in {_JARS}")
    return found


# Jobs ----------------------------------------------------------------------------------------------------------------


def _identity(env: Any) -> int:
    return int(env._j_stream_execution_environment.hashCode())


def take_errors(env: Any, parameter: str) -> None:
    """Tell the function that looks for the job parameter that its errors are taken."""
    _taken.setdefault(_identity(env), set()).add(parameter)
    _set_parameters(env)


def _set_parameters(env: Any) -> None:
    # The job's owner may have set others, also after a stream was taken.
    taken = _taken.get(_identity(env))
    if taken:
        config = env.get_config()
        config.set_global_job_parameters({**config.get_global_job_parameters(), **dict.fromkeys(taken, "true")})


def expect_errors(env: Any, sink: Any) -> None:
    """Note an error sink that is connected to no stream as yet."""
    _unconnected.setdefault(_identity(env), weakref.WeakSet()).add(sink)


def connect_errors(env: Any, sink: Any) -> None:
    _unconnected.get(_identity(env), weakref.WeakSet()).discard(sink)


def _before_execution(env: Any) -> None:
    _set_parameters(env)
    for sink in _unconnected.pop(_identity(env), ()):
        _logger.warning(
            "The sink of table %s has no stream of errors: they are counted and logged, not written; "
            "write_errors_to_iceberg(stream.get_side_output(…ERRORS)) writes them",
            sink.table,
        )


def extend() -> None:
    """Let PyFlink's environments and streams take what pipelines of this package say. Once; others see no change."""
    from pyflink.common import WatermarkStrategy
    from pyflink.datastream import DataStream, KeyedStream, StreamExecutionEnvironment

    if hasattr(StreamExecutionEnvironment.from_source, "__wrapped__"):
        return
    from_source = StreamExecutionEnvironment.from_source

    @functools.wraps(from_source)
    def from_source_with_name(
        self: Any, source: Any, watermark_strategy: Any, source_name: Any = None, type_info: Any = None
    ) -> Any:
        if source_name is None and isinstance(watermark_strategy, str):
            watermark_strategy, source_name = WatermarkStrategy.no_watermarks(), watermark_strategy
        if source_name is None:
            raise TypeError("from_source() needs a name of the source")
        add_jars(self)
        return from_source(self, source, watermark_strategy, source_name, type_info)

    StreamExecutionEnvironment.from_source = from_source_with_name
    for name in ("execute", "execute_async"):
        setattr(StreamExecutionEnvironment, name, _prepared(getattr(StreamExecutionEnvironment, name)))
    for stream in (DataStream, KeyedStream):
        for name in ("flat_map", "filter"):
            setattr(stream, name, _dispatched(getattr(stream, name)))
    _add_former_names()


def _prepared(execute: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(execute)
    def execute_prepared(self: Any, *arguments: Any, **named: Any) -> Any:
        _before_execution(self)
        return execute(self, *arguments, **named)

    return execute_prepared


def _dispatched(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def with_functions_of_the_package(self: Any, func: Any, *arguments: Any, **named: Any) -> Any:
        if hasattr(func, "apply_to_stream"):
            return func.apply_to_stream(self, *arguments, **named)
        return method(self, func, *arguments, **named)

    return with_functions_of_the_package


def _add_former_names() -> None:
    """What Flink 2 renamed, by its names in Flink 1."""
    import pyflink.datastream
    from pyflink.datastream import checkpoint_config

    config = checkpoint_config.CheckpointConfig
    if not hasattr(pyflink.datastream, "ExternalizedCheckpointCleanup"):
        retention = pyflink.datastream.ExternalizedCheckpointRetention
        pyflink.datastream.ExternalizedCheckpointCleanup = retention
        checkpoint_config.ExternalizedCheckpointCleanup = retention
    if not hasattr(config, "enable_externalized_checkpoints"):
        config.enable_externalized_checkpoints = config.set_externalized_checkpoint_retention
