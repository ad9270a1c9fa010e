# What the benchmarks share; read with `.`, not run.

# The pipeline of the flat readings that load_topic.py makes, indented for `pipeline:`.
readings_pipeline="
  columns:
    sensor:      {path: sensor, type: string, required: true}
    site:        {path: site, type: string, required: true}
    seq:         {path: seq, type: long, required: true}
    at:          {path: at, type: timestamp, required: true}
    temperature: {path: temperature, type: double, required: true}
    humidity:    {path: humidity, type: double, required: true}
    pressure:    {path: pressure, type: double, required: true}
    status:      {path: status, type: string, required: true}
    note:        {path: note, type: string}
  partition: [days(at)]"

# run_to_end WORK PREFIX: runs WORK/bench.yaml to the end of its topic; summary and log stay in WORK.
run_to_end() {
    # shellcheck disable=SC2086
    $2 "$program" run "$1/bench.yaml" --until-end --json >"$1/summary.json" 2>"$1/log" ||
        { cat "$1/log" >&2; exit 1; }
}
# value WORK NAME: a number of that run's summary.
value() { grep -o "\"$2\":[0-9.]*" "$1/summary.json" | cut -d: -f2; }
