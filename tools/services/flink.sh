#!/bin/sh
# A standalone Flink cluster (2.1.3): one JobManager and two TaskManagers of two slots, each a process of its own.
#   flink.sh install                 PyFlink's environment, which has all of Flink, and the jars of flink.pom.xml into .cache;
#                                    print the folder of the jars
#   flink.sh start DIR [JAR...]      start it on free ports of the loopback, with these jars in lib/ beside those of
#                                    `install`; print the address of its REST interface. DIR/home is Flink's folder, with
#                                    bin/flink for clients; DIR/<process> has each process' pid and log. A DIR with a
#                                    stopped or killed cluster's files is started again on the same ports.
#   flink.sh launch DIR PROCESS      start one of jobmanager, taskmanager-1, taskmanager-2 anew, and do not wait for it
#   flink.sh kill DIR PROCESS        end one as a crash would, with the Python workers it may have
#   flink.sh stop DIR                end all
# FLINK_SETTINGS is a file of further lines for config.yaml, read when DIR is made.
set -eu
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
jars=$cache/flink/$(sha256sum "$here/flink.pom.xml" | cut -c1-16)
processes="jobmanager taskmanager-1 taskmanager-2"

install() {
    python=$("$here/pyflink.sh" install)
    [ -d "$jars" ] && return 0
    echo "icesink: installing the jars of Flink's cluster into .cache/flink" >&2
    mkdir -p "$cache/flink"
    part=$(mktemp -d "$cache/flink/part-XXXXXX")
    mvn -q -B -f "$here/flink.pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DoutputDirectory="$part" >"$part/maven.log" 2>&1 || { tail -n 30 "$part/maven.log" >&2; exit 1; }
    mv -T "$part" "$jars" 2>/dev/null || rm -rf "$part"
}

# A folder as an unpacked distribution has it. bin/ is a copy because its scripts look for the rest beside themselves.
configure() {
    directory=$1
    shift
    mkdir -p "$directory/home/lib" "$directory/home/opt" "$directory/home/conf"
    distribution=$(find "$python/lib" -maxdepth 3 -path '*/site-packages/pyflink')
    cp -r "$distribution/bin" "$directory/home/bin"
    ln -s "$distribution/plugins" "$directory/home/"
    # Links of their own: Flink looks for its Python jar in opt/ and follows no link to a folder.
    ln -s "$distribution"/opt/*.jar "$directory/home/opt/"
    ln -s "$distribution"/lib/*.jar "$jars"/*.jar "$@" "$directory/home/lib/"
    # What Flink's own file opens of the JDK.
    opens=$(sed -n 's/^ *all: //p' "$distribution/conf/config.yaml")
    cat >"$directory/home/conf/config.yaml" <<END_CONFIG
env.java.opts.all: $opens -XX:TieredStopAtLevel=1
env.pid.dir: $directory/pids
env.log.dir: $directory/client
io.tmp.dirs: $directory/tmp
jobmanager.bind-host: 127.0.0.1
jobmanager.rpc.address: 127.0.0.1
jobmanager.rpc.port: $(free_port)
jobmanager.memory.process.size: 800m
jobmanager.memory.jvm-overhead.min: 64m
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: $(free_port)
taskmanager.bind-host: 127.0.0.1
taskmanager.host: 127.0.0.1
taskmanager.numberOfTaskSlots: 2
taskmanager.load-balance.mode: SLOTS
taskmanager.memory.process.size: 1200m
taskmanager.memory.managed.size: 192m
taskmanager.memory.network.min: 32m
taskmanager.memory.network.max: 32m
taskmanager.memory.jvm-overhead.min: 96m
parallelism.default: 2
cluster.registration.error-delay: 300
cluster.registration.refused-registration-delay: 300
heartbeat.interval: 1000
heartbeat.timeout: 8000
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 1000
restart-strategy.fixed-delay.delay: 200ms
state.backend.type: rocksdb
execution.checkpointing.interval: 1s
execution.checkpointing.dir: file://$directory/checkpoints
execution.checkpointing.savepoint-dir: file://$directory/savepoints
execution.checkpointing.externalized-checkpoint-retention: RETAIN_ON_CANCELLATION
execution.checkpointing.num-retained: 3
python.executable: $python/bin/python
python.client.executable: $python/bin/python
END_CONFIG
    [ -z "${FLINK_SETTINGS:-}" ] || cat "$FLINK_SETTINGS" >>"$directory/home/conf/config.yaml"
    cat >"$directory/home/conf/log4j-console.properties" <<END_CONFIG
rootLogger.level=info
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1} %m%n
END_CONFIG
    mkdir -p "$directory/tmp" "$directory/client"
    cp "$directory/home/conf/log4j-console.properties" "$directory/home/conf/log4j-cli.properties"
}

setting() {
    sed -n "s/^$2: //p" "$1/home/conf/config.yaml"
}

launch() {
    mkdir -p "$1/$2"
    # A group of its own, so that the Python workers of a process end with it. The scripts end in java by exec.
    env -u FLINK_CONF_DIR -u FLINK_HOME -u FLINK_LIB_DIR -u FLINK_LOG_DIR -u PYTHONPATH setsid \
        "$1/home/bin/${2%-*}.sh" start-foreground >>"$1/$2/log" 2>&1 </dev/null &
    echo $! >"$1/$2/pid"
}

start() {
    install
    directory=$1
    shift
    mkdir -p "$directory"
    [ -d "$directory/home" ] || configure "$directory" "$@"
    for process in $processes; do launch "$directory" "$process"; done
    address=http://127.0.0.1:$(setting "$directory" rest.port)
    python3 - "$address" "$directory" <<'END_PYTHON' || { tail -n 30 "$directory"/*/log >&2; exit 1; }
import json, os, pathlib, sys, time, urllib.request
address, directory = sys.argv[1], pathlib.Path(sys.argv[2])
end = time.monotonic() + 120
while time.monotonic() < end:
    try:
        with urllib.request.urlopen(address + "/overview", timeout=5) as answer:
            if json.load(answer)["taskmanagers"] == 2:
                sys.exit()
    except OSError:
        pass
    for pid in directory.glob("*/pid"):
        os.kill(int(pid.read_text()), 0)
    time.sleep(0.2)
sys.exit("Flink's cluster is not complete after two minutes")
END_PYTHON
    echo "$address"
}

crash() {
    kill -9 "-$(cat "$1/$2/pid")"
    rm -f "$1/$2/pid"
}

stop() {
    groups=
    for process in $processes; do
        [ -e "$1/$process/pid" ] || continue
        groups="$groups $(cat "$1/$process/pid")"
    done
    # All at once: a TaskManager that ends alone waits for its JobManager's answer.
    # shellcheck disable=SC2086
    [ -z "$groups" ] || kill $groups 2>/dev/null || true
    for process in $processes; do stop_process "$1/$process"; done
    for group in $groups; do kill -9 "-$group" 2>/dev/null || true; done
}

case ${1:-} in
    install) install; echo "$jars" ;;
    start) directory=$(realpath -m "$2"); shift 2; start "$directory" "$@" ;;
    launch) launch "$(realpath "$2")" "$3" ;;
    kill) crash "$(realpath "$2")" "$3" ;;
    stop) stop "$(realpath -m "$2")" ;;
    *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
