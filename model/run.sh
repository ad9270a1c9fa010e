#!/bin/sh
# Checks the model of the commit protocol.
#   run.sh small         configurations of a second or so each, and every mistake
#   run.sh large         the large bounds
#   run.sh trace NAME    the shortest trace of a mistake
# A line per configuration; status 1 if the protocol fails, a mistake is not found, or a line of the model is never reached.
# Needs spin and a C compiler. What is built goes to MODEL_BUILD, by default build/model.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${MODEL_BUILD:-$here/../build/model}
bounds='-m300000 -w20'
failed=0

# NAME SETTINGS: the protocol holds.
small='
ordered            RECORDS0=1 RECORDS1=1
ordered_two        RECORDS0=2 RECORDS1=0 HELD=2
ordered_calm       RECORDS0=2 RECORDS1=0 CALM=1
ordered_files      RECORDS0=2 RECORDS1=0 FILES=1
atomic             RECORDS0=2 RECORDS1=0 CATALOG=1
atomic_calm        RECORDS0=1 RECORDS1=1 CATALOG=1 HELD=0 CALM=1
torn               RECORDS0=2 RECORDS1=0 CATALOG=2
torn_rewind        RECORDS0=2 RECORDS1=0 CATALOG=2 ON_ROLLBACK=1
rollback_stop      RECORDS0=2 RECORDS1=0 ROLLBACKS=1 HELD=0
rollback_rewind    RECORDS0=2 RECORDS1=0 ROLLBACKS=1 ON_ROLLBACK=1 HELD=0
rollback_again     RECORDS0=1 RECORDS1=0 ROLLBACKS=2 ON_ROLLBACK=1 HELD=0
rollback_continue  RECORDS0=2 RECORDS1=0 ROLLBACKS=1 ON_ROLLBACK=2 HELD=0
gap_stop           RECORDS0=2 RECORDS1=0 RETENTION=1 HELD=0
gap_skip           RECORDS0=2 RECORDS1=0 RETENTION=1 ON_GAP=1
late_partition     RECORDS0=1 RECORDS1=1 LATE=1 HELD=0
late_rewind        RECORDS0=0 RECORDS1=1 LATE=1 ROLLBACKS=1 ON_ROLLBACK=1 HELD=0
recreated          RECORDS0=2 RECORDS1=0 RECREATED=1
restored           RECORDS0=2 RECORDS1=0 RESTORE=1 HELD=0
restored_rewind    RECORDS0=2 RECORDS1=0 RESTORE=1 ON_ROLLBACK=1 HELD=0
'
large='
ordered_2_1        RECORDS0=2 RECORDS1=1
ordered_2_1_held   RECORDS0=2 RECORDS1=1 HELD=2
ordered_files      RECORDS0=2 RECORDS1=1 FILES=1 HELD=0
three_writers      RECORDS0=1 RECORDS1=0 WRITERS=3
atomic_2_1         RECORDS0=2 RECORDS1=1 CATALOG=1
atomic_three       RECORDS0=1 RECORDS1=0 CATALOG=1 WRITERS=3
torn_2_1           RECORDS0=2 RECORDS1=1 CATALOG=2
torn_rewind_twice  RECORDS0=1 RECORDS1=1 CATALOG=2 TEARS=2 ON_ROLLBACK=1
torn_rewind_gap    RECORDS0=2 RECORDS1=0 CATALOG=2 ON_ROLLBACK=1 RETENTION=1 ON_GAP=1
rollback_rewind    RECORDS0=1 RECORDS1=1 ROLLBACKS=1 ON_ROLLBACK=1
rollback_atomic    RECORDS0=1 RECORDS1=1 ROLLBACKS=1 ON_ROLLBACK=1 CATALOG=1
rollback_twice     RECORDS0=2 RECORDS1=0 ROLLBACKS=2 ON_ROLLBACK=1 HELD=0
rollback_continue  RECORDS0=1 RECORDS1=1 ROLLBACKS=1 ON_ROLLBACK=2
rollback_gap       RECORDS0=2 RECORDS1=0 ROLLBACKS=1 ON_ROLLBACK=1 RETENTION=1 ON_GAP=1 HELD=0
gap_skip           RECORDS0=2 RECORDS1=1 RETENTION=1 ON_GAP=1 HELD=0
gap_skip_three     RECORDS0=1 RECORDS1=0 RETENTION=1 ON_GAP=1 WRITERS=3 HELD=0
late_rewind        RECORDS0=1 RECORDS1=1 LATE=1 ROLLBACKS=1 ON_ROLLBACK=1
restored_rewind    RECORDS0=1 RECORDS1=1 RESTORE=1 ON_ROLLBACK=1
'
# NAME SETTINGS: each gives a counterexample. README.md says what each mistake is.
mistakes='
offsets_not_compared        MISTAKE=1
unknown_is_failure          MISTAKE=2
newest_snapshot_retry       MISTAKE=3 FILES=1
newest_snapshot_files       MISTAKE=30 FILES=1 RECORDS0=2 RECORDS1=0
followers_first             MISTAKE=4
pending_not_finished        MISTAKE=5
pending_finished_once       MISTAKE=6
properties_alone            MISTAKE=7
no_epoch_check              MISTAKE=8
follower_not_asserted       MISTAKE=9
fenced_deletes_files        MISTAKE=10 FILES=1 RECORDS0=2 RECORDS1=0
followers_from_memory       MISTAKE=11
two_loads                   MISTAKE=12
held_over_a_rollback        MISTAKE=13 ROLLBACKS=1
number_kept                 MISTAKE=14 HELD=0
recreated_from_one          MISTAKE=15 RECREATED=1
pending_cleared_alone       MISTAKE=16
torn_without_pending        MISTAKE=17 CATALOG=2
torn_head_not_asserted      MISTAKE=18 CATALOG=2
exactly_the_epoch_before    MISTAKE=19 CALM=1
correction_not_derived_anew MISTAKE=20 RECORDS1=0 RETENTION=1 ON_GAP=1
correction_over_pending     MISTAKE=21 HELD=0 RETENTION=1 ON_GAP=1
follower_ahead_not_seen     MISTAKE=22 CATALOG=2
rollback_not_seen           MISTAKE=23 RECORDS0=2 RECORDS1=0 HELD=0 ROLLBACKS=1
first_epoch_twice           MISTAKE=24 RECORDS1=0
absent_equals_present       MISTAKE=26 LATE=1
'
# What the protocol does not withstand: see README.md. A counterexample is expected; when there is none, the page is wrong.
limits='
restored_while_running      RESTORE=2 RECORDS0=2 RECORDS1=0
'

# compile NAME SPIN_FLAGS CC_FLAGS. Without merging statements (-o3), so that every one that is never reached is told.
compile() {
    mkdir -p "$build/$1"
    cp "$here/protocol.pml" "$build/$1/"
    # shellcheck disable=SC2086
    (cd "$build/$1" && spin -DCHOSEN -o3 $2 -a protocol.pml &&
        ${CC:-cc} -O2 -w -DSAFETY -DCOLLAPSE -DNOFAIR -DVECTORSZ=2048 $3 -o pan pan.c) >"$build/$1.log" 2>&1 ||
        { cat "$build/$1.log"; exit 1; }
}

# check NAME EXPECTED SETTINGS...: runs the verifier and prints the line.
check() {
    name=$1; expected=$2; shift 2
    # shellcheck disable=SC2086
    (cd "$build/depth" && env -i "$@" ./pan $bounds) >"$build/$name.out" 2>&1 || true
    errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$build/$name.out")
    verdict=ok
    if [ "$errors" != "$expected" ] || grep -q 'max search depth too small\|out of memory\|interrupted' "$build/$name.out"; then
        verdict=FAILED
        failed=1
        mv "$build/depth/protocol.pml.trail" "$build/$name.trail" 2>/dev/null || true
    fi
    printf '%-28s %-62s %10s states %6s s  %s%s\n' "$name" "$*" \
        "$(sed -n 's/ *\([0-9.e+]*\) states, stored.*/\1/p' "$build/$name.out")" \
        "$(sed -n 's/.*elapsed time \([0-9.e+-]*\) .*/\1/p' "$build/$name.out")" \
        "$([ "$expected" = 0 ] && echo "" || echo "found: ")" "$verdict"
}

# Lines of the model that no configuration has reached, but for those of the mistakes.
check_reached() {
    # Guards are left out: of an option that is never taken the guard counts as reached.
    (cd "$build/depth" && ./pan -d -d) | grep -v '=> \((\|else\|goto\)' >"$build/states.out"
    for name in "$@"; do
        awk '
            /^STEP 3 / { process = $3 }
            FNR == NR && /protocol.pml:/ {
                match($0, /protocol.pml:[0-9]+/)
                line[process " " $2] = substr($0, RSTART + 13, RLENGTH - 13)
                next
            }
            /^unreached in proctype/ { unreached_in = $4 }
            /^\tprotocol.pml:/ && unreached_in {
                match($0, /state [0-9]+/)
                gone[unreached_in " " substr($0, RSTART + 6, RLENGTH - 6)] = 1
            }
            END { for (state in line) if (!(state in gone)) print line[state] }
        ' "$build/states.out" "$build/$name.out"
    done | sort -u >"$build/reached"
    awk '/protocol.pml:/ { match($0, /protocol.pml:[0-9]+/); print substr($0, RSTART + 13, RLENGTH - 13) }' "$build/states.out" |
        sort -u | comm -23 - "$build/reached" | sort -n |
        while read -r line; do sed -n "${line}{/mistake/!s/^/protocol.pml:$line is never reached: /p}" "$here/protocol.pml"; done \
            >"$build/unreached"
    if [ -s "$build/unreached" ]; then
        cat "$build/unreached"
        failed=1
    fi
}

check_all() {
    echo "$2" | while read -r name settings; do
        # shellcheck disable=SC2086
        [ -z "$name" ] || check "$name" "$1" $settings
        [ "$failed" = 0 ] || : >"$build/failed"
    done
    [ ! -e "$build/failed" ] || failed=1
}

rm -f "$build/failed" 2>/dev/null || true
case ${1:-small} in
    small)
        compile depth '' ''
        check_all 0 "$small"
        check_all 1 "$mistakes$limits"
        # shellcheck disable=SC2046
        check_reached $(echo "$small" | awk 'NF { print $1 }') ;;
    large)
        bounds='-m20000000 -w24'
        compile depth '' ''
        check_all 0 "$large" ;;
    trace)
        compile depth '' ''
        compile breadth -DSHORTEST -DBFS
        settings=$(echo "$mistakes$limits" | awk -v name="$2" '$1 == name { $1 = ""; print }')
        [ -n "$settings" ] || { echo "run.sh: nothing is called $2" >&2; exit 2; }
        # shellcheck disable=SC2086
        (cd "$build/breadth" && env -i $settings ./pan >out 2>&1 || true
            cp protocol.pml.trail ../depth/ && cd ../depth && env -i $settings ./pan -S protocol.pml.trail 2>&1) |
            sed -n '/^ *\(W[0-9]\|LEAD\|FOLLOWER\|somebody\|a held\|the \)/p; s/^pan:1: \(.*\) (at depth.*/  => \1/p' ;;
    *)
        echo "usage: run.sh small | large | trace NAME" >&2
        exit 2 ;;
esac
exit "$failed"
