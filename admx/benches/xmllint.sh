#!/usr/bin/env bash
# Compares `gpol policy describe` as a whole process with `xmllint --noout` over the same files:
#
#     cargo build --release -p gpol && bash admx/benches/xmllint.sh [GPOL [STORE [LANGUAGE]]]
#
# The two take turns, so that both see the same machine. On a busy one elapsed times say little; then the processor
# time says what it would be: half of it is the least that two cores can take.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
gpol=${1:-$here/target/release/gpol}
store=${2:-${GPOL_CORPUS:-$here/../shared/corpus}/admx/mxk+windows-secure-group-policy/PolicyDefinitions}
language=${3:-en-US}
runs=40

for needed in xmllint "$gpol"; do
    command -v "$needed" >/dev/null || { echo "skipped: no $needed"; exit 0; }
done
[ -d "$store/$language" ] || { echo "skipped: no store at $store"; exit 0; }

shopt -s nullglob nocaseglob
files=("$store"/*.admx "$store/$language"/*.adml)
describe=("$gpol" policy describe TS_USER_AUTHENTICATION_POLICY --admx "$store" --lang "$language")
lint=(xmllint --noout "${files[@]}")
echo "${#files[@]} files, $(cat "${files[@]}" | wc -c) bytes, $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg)"

times=$(mktemp -d)
trap 'rm -rf "$times"' EXIT
TIMEFORMAT='%R %U %S'
# xmllint complains of files whose declaration lies about their encoding; it has read them as far as that, so its exit
# status does not count.
for _ in $(seq $runs); do
    { time "${describe[@]}" >/dev/null 2>&1; } 2>>"$times/gpol"
    { time "${lint[@]}" >/dev/null 2>&1 || true; } 2>>"$times/xmllint"
done

# column NAME EXPRESSION: its least value and its median, in milliseconds.
column() {
    awk "{ print ($2) * 1000 }" "$times/$1" | sort -n | awk '{ all[NR] = $1 } END { print all[1], all[int((NR + 1) / 2)] }'
}

for name in gpol xmllint; do
    read -r least median <<<"$(column $name '$1')"
    read -r busy_least busy_median <<<"$(column $name '$2 + $3')"
    printf '%-8s elapsed %3.0f ms at least, %3.0f in the median; processor %3.0f and %3.0f ms\n' \
        $name "$least" "$median" "$busy_least" "$busy_median"
done
awk -v a="$(column gpol '$1')" -v b="$(column xmllint '$1')" -v c="$(column gpol '$2 + $3')" 'BEGIN {
    split(a, ours); split(b, theirs); split(c, busy)
    printf "elapsed  %.2f of xmllint at least, %.2f in the median; aim: at most 0.50 on two free cores\n", ours[1] / theirs[1], ours[2] / theirs[2]
    printf "bound    %.2f: half of the least processor time\n", busy[1] / 2 / theirs[1]
}'
if [ -x /usr/bin/time ]; then
    for name in describe lint; do
        declare -n command=$name
        memory=$(/usr/bin/time -f '%M' "${command[@]}" 2>&1 >/dev/null | tail -n 1 || true)
        echo "$(basename "${command[0]}"): $memory KiB at most"
    done
fi
