#!/usr/bin/env bash
# What the GitHub action, the GitLab template and lockstorm.mk call: one script, so that there is
# one thing to test. Everything that a user sets reaches it as a variable, never as shell text.
set -euo pipefail

usage() {
    cat <<'EOF'
usage: gate.sh keys | setup | gate | merge DIR | report

  keys     print what CI is to cache: directories, and keys that change when they must
  setup    run ci/setup, and build lockstorm, where the cache does not have them
  gate     run `lockstorm gate` and write report.html, report.md and junit.xml beside its results;
           the exit code is the gate's
  merge    put the result sets in the directories below DIR together, and judge the whole
  report   write the reports of the last results again

Variables; what is empty is as if it were not set:
  GATE_LOCK       as for --lock; needed by gate and merge
  GATE_WITH       --with: a tree of the lock's sources
  GATE_SUITE      --suite: smoke, standard or full; default smoke
  GATE_SEEDS      --seeds
  GATE_BASELINE   --baseline: the file of accepted violations
  GATE_BUDGET     --budget, such as 10m
  GATE_SHARD      --shard, such as 1/2
  GATE_UNKNOWN    --unknown: fail or pass
  GATE_STRICT     --strict, if true
  GATE_JOBS       --jobs
  GATE_KEEP       all or violations: whose files stay beside the results; default violations
  GATE_OUT        --out; default lockstorm-runs/gate, where an older result is replaced
  GATE_LAYERS     ci/setup --locks: what languages the node image gets; default python
  LOCKSTORM       the lockstorm to run; default: the one that setup built
EOF
}

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/lockstorm
out=${GATE_OUT:-lockstorm-runs/gate}

say() { printf 'gate.sh: %s\n' "$*" >&2; }
# Exit codes as lockstorm's own: 10 bad input, 11 set-up missing, 12 trouble with this host.
die() {
    say "$2"
    exit "$1"
}

# --- Set-up --------------------------------------------------------------------------------

# A key for the content of some files and directories of lockstorm's sources.
key_of() {
    (cd "$top" && find "$@" -type f | LC_ALL=C sort | xargs -d '\n' sha256sum) |
        sha256sum | cut -c1-16
}

# The program carries its agent, its scenarios and the keys of what set-up builds.
program_key() { key_of Cargo.toml Cargo.lock harness reports scenarios containers; }

keys() {
    local setup
    setup=$(key_of containers ci/setup)-${GATE_LAYERS:-python}
    # The kernel is built for the host's CPU state, which is larger on a host with AMX.
    ! grep -qsw amx_tile /proc/cpuinfo || setup+=-amx
    {
        echo "cache=$cache"
        echo "setup-key=lockstorm-setup-${setup//,/-}"
        echo "program=$cache/program"
        echo "program-key=lockstorm-program-$(program_key)"
    } | tee -a "${GITHUB_OUTPUT:-/dev/null}"
}

setup() {
    if [[ ${LOCKSTORM:-} ]]; then
        say "LOCKSTORM is set, so its set-up is taken to be done"
        return
    fi
    "$top/ci/setup" --locks "${GATE_LAYERS:-python}"
    local home
    home=$cache/program/$(program_key)
    [[ -x $home/lockstorm ]] || build "$home"
    say "$home/lockstorm is ready"
}

# Beside what is there: nobody finds half a program.
build() {
    local target=${CARGO_TARGET_DIR:-$top/target}
    say "building lockstorm"
    (cd "$top" && CARGO_TARGET_DIR=$target cargo build --release --locked) ||
        die 12 "lockstorm could not be built (see above)"
    rm -rf "$cache/program"
    mkdir -p "$1"
    cp "$target/release/lockstorm" "$1/lockstorm.new"
    mv "$1/lockstorm.new" "$1/lockstorm"
}

find_lockstorm() {
    lockstorm=${LOCKSTORM:-$cache/program/$(program_key)/lockstorm}
    [[ -x $lockstorm ]] || die 11 "$lockstorm is not there; run \`gate.sh setup\`"
}

# --- The gate ------------------------------------------------------------------------------

# What judging needs, and what running needs beside it.
judging=()
running=()

# Adds an option to one of them, if it has a value. In one word: a value that begins with a dash
# is a wrong value, and no option of its own.
option() {
    local -n list=$1
    [[ ! $3 ]] || list+=("$2=$3")
}

gather() {
    [[ ${GATE_LOCK:-} ]] || die 10 "no lock: set GATE_LOCK, such as flufl.lock or my/profile.yaml"
    judging=("--lock=$GATE_LOCK")
    option judging --baseline "${GATE_BASELINE:-}"
    option judging --unknown "${GATE_UNKNOWN:-}"
    case ${GATE_STRICT:-} in
    true) judging+=(--strict) ;;
    '' | false) ;;
    *) die 10 "GATE_STRICT=$GATE_STRICT: expected true or false" ;;
    esac
    option running --with "${GATE_WITH:-}"
    option running --suite "${GATE_SUITE:-}"
    option running --seeds "${GATE_SEEDS:-}"
    option running --budget "${GATE_BUDGET:-}"
    option running --shard "${GATE_SHARD:-}"
    option running --jobs "${GATE_JOBS:-}"
    option running --out "${GATE_OUT:-}"
    case ${GATE_KEEP:-violations} in
    violations) running+=(--discard-valid) ;;
    all) ;;
    *) die 10 "GATE_KEEP=$GATE_KEEP: expected all or violations" ;;
    esac
}

gate() {
    local status=0
    gather
    "$lockstorm" gate "${judging[@]}" "${running[@]}" || status=$?
    conclude "$status"
}

merge() {
    local parts=() set status=0
    gather
    for set in "$1"/*/set.json; do
        [[ ! -e $set ]] || parts+=("${set%/set.json}")
    done
    ((${#parts[@]})) || die 10 "$1: no directory below it has a result set (set.json)"
    # From 10 up there is no whole; below that, runs are missing, which is said again by the gate.
    "$lockstorm" merge "${parts[@]}" --out "$out" >/dev/null || status=$?
    ((status < 10)) || conclude "$status"
    status=0
    "$lockstorm" gate --judge "$out" "${judging[@]}" || status=$?
    conclude "$status"
}

# --- What people read ----------------------------------------------------------------------

report() { "$lockstorm" report "$out" --to html,markdown,junit; }

# Reports and annotations of whatever came out; ends as the gate did.
conclude() {
    local status=$1
    # From 10 up there is no verdict, and what lies there may be of another day.
    if ((status < 10)); then
        report
        [[ ! ${GITHUB_STEP_SUMMARY:-} ]] || summary >>"$GITHUB_STEP_SUMMARY"
        if [[ ${GITHUB_ACTIONS:-} == true ]]; then
            # Nobody is annotated twice: what the gate says is in the log already.
            "$lockstorm" gate --judge "$out" "${judging[@]}" --format github 2>/dev/null || true
        fi
    elif [[ ${GITHUB_ACTIONS:-} == true ]]; then
        echo "::error title=lockstorm gate::no verdict (exit code $status); see the log"
    fi
    [[ ! ${GITHUB_OUTPUT:-} ]] || printf '%s\n' "exit-code=$status" "out=$out" >>"$GITHUB_OUTPUT"
    exit "$status"
}

# What the gate says, then the results.
summary() {
    printf '## lockstorm gate\n\n```text'
    "$lockstorm" gate --judge "$out" "${judging[@]}" --quiet || true
    printf '```\n\n'
    cat "$out/report.md"
}

main() {
    case ${1:-} in
    keys) keys ;;
    setup) setup ;;
    gate) find_lockstorm && gate ;;
    merge)
        (($# == 2)) || die 10 "merge needs the directory that has the parts"
        find_lockstorm && merge "$2"
        ;;
    report) find_lockstorm && report ;;
    -h | --help) usage ;;
    *) usage >&2 && exit 10 ;;
    esac
}

main "$@"; exit # on one line: bash reads a script as it goes, and this one may be edited
