# What the scripts of this folder share; read with `.`, not run.
cache=$(cd "$(dirname "$0")/../.." && pwd)/.cache

# A port on which nothing listens.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Waits until PORT answers, the process of DIR/pid ends, or a minute is over.
wait_for_port() {
    port=$1 directory=$2
    for _ in $(seq 600); do
        if python3 -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; then return 0; fi
        if ! kill -0 "$(cat "$directory/pid")" 2>/dev/null; then break; fi
        sleep 0.1
    done
    tail -n 30 "$directory/log" >&2
    echo "nothing answers on port $port" >&2
    return 1
}

# Ends the process of DIR/pid, by force when it does not end within ten seconds.
stop_process() {
    [ -e "$1/pid" ] || return 0
    pid=$(cat "$1/pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$1/pid"
}
