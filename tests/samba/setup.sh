# Sourced by the scripts beside it: what they share before Python takes over.

# Python leaves nothing beside its modules.
export PYTHONDONTWRITEBYTECODE=1

skip() {
    echo "skipped: $1"
    exit 0
}

# program [GPOL]: the path of the program to test; built where none is named.
program() {
    local gpol=${1:-} target
    if [ -z "$gpol" ]; then
        cargo build --quiet --locked -p gpol
        target=$(cargo metadata --no-deps --format-version 1 --locked |
            sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
        gpol=${target:?no target folder}/debug/gpol
    fi
    realpath "$gpol"
}

# provision WORK PASSWORD: a domain in WORK/dc, of an empty configuration, so that nothing of /etc/samba counts.
provision() {
    : >"$1/empty.conf"
    if ! samba-tool domain provision --configfile="$1/empty.conf" --targetdir="$1/dc" --realm=EXAMPLE.TEST \
        --domain=EXAMPLE --host-name=dc1 --host-ip=127.0.0.1 --server-role=dc --dns-backend=NONE \
        --adminpass="$2" >"$1/provision.log" 2>&1; then
        tail -n 20 "$1/provision.log" >&2
        return 1
    fi
}
