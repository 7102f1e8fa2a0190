#!/usr/bin/env bash
# Compares `gpol policy describe` as a whole process with `xmllint --noout` over the same files:
#
#     cargo build --release -p gpol && bash admx/benches/xmllint.sh [GPOL [STORE [LANGUAGE]]]
#
# Uses hyperfine where it is installed, else the shell's clock and the medians of 30 runs.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
gpol=${1:-$here/target/release/gpol}
store=${2:-${GPOL_CORPUS:-$here/../shared/corpus}/admx/mxk+windows-secure-group-policy/PolicyDefinitions}
language=${3:-en-US}
runs=30

for needed in xmllint "$gpol"; do
    command -v "$needed" >/dev/null || { echo "skipped: no $needed"; exit 0; }
done
[ -d "$store/$language" ] || { echo "skipped: no store at $store"; exit 0; }

shopt -s nullglob nocaseglob
files=("$store"/*.admx "$store/$language"/*.adml)
describe=("$gpol" policy describe TS_USER_AUTHENTICATION_POLICY --admx "$store" --lang "$language")
lint=(xmllint --noout "${files[@]}")
echo "${#files[@]} files, $(cat "${files[@]}" | wc -c) bytes, $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg)"

# median NAME COMMAND…: milliseconds. xmllint complains of files whose declaration lies about their encoding; it has
# read them as far as that, so its exit status does not count.
median() {
    local name=$1
    shift
    if command -v hyperfine >/dev/null; then
        local times
        times=$(mktemp)
        hyperfine --shell=none --ignore-failure --warmup 3 --runs $runs --export-json "$times" \
            "$(printf '%q ' "$@")" >/dev/null 2>&1
        sed -n 's/.*"median": \([0-9.e-]*\),.*/\1/p' "$times" | awk '{ printf "%.1f\n", $1 * 1000 }'
        rm -f "$times"
    else
        for _ in $(seq $runs); do
            local start=$EPOCHREALTIME
            "$@" >/dev/null 2>&1 || true
            awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { print (b - a) * 1000 }'
        done | sort -n | awk '{ all[NR] = $1 } END { printf "%.1f\n", all[int((NR + 1) / 2)] }'
    fi
}

ours=$(median gpol "${describe[@]}")
theirs=$(median xmllint "${lint[@]}")
echo "gpol policy describe  $ours ms"
echo "xmllint --noout       $theirs ms"
awk -v a="$ours" -v b="$theirs" 'BEGIN { printf "ratio                 %.2f (aim: at most 0.50)\n", a / b }'
if [ -x /usr/bin/time ]; then
    figures=$(mktemp)
    for command in describe lint; do
        declare -n line=$command
        /usr/bin/time -o "$figures" -f '%M KiB at most, %U s user and %S s system in one run' "${line[@]}" >/dev/null 2>&1 || true
        echo "$(basename "${line[0]}"): $(tail -n 1 "$figures")"
    done
    rm -f "$figures"
fi
