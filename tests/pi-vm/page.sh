# What the demonstrations share; read by them, not run by itself. Needs env.sh before it.
# A demonstration writes a page to standard output: what it does on a VM and what was answered. The first thing that is not as it should be ends it.
kubectl='k3s kubectl'

fail() { echo "$(basename "$0"): $*" >&2; exit 1; }
# on VM COMMAND
on() { ./run.sh "$1" "$2" </dev/null; }
# show_on VM COMMAND: runs it and writes it down with its answer.
show_on() {
    local output
    echo "  $1: $2" >&2
    output=$(on "$1" "$2" 2>&1) || { echo "$output" >&2; fail "this failed on $1: $2"; }
    printf '    %s# %s\n' "$1" "$2"
    [ -z "$output" ] || sed 's/^/    /' <<<"$output"
}
section() { printf '\n## %s\n\n' "$1"; echo "$1" >&2; }
# until_true VM SECONDS COMMAND
until_true() {
    local end=$((SECONDS + $2))
    until on "$1" "$3" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { on "$1" "$kubectl get pods -A -o wide; $kubectl get events -A; journalctl -u 'k3s*' -n 40 --no-pager" >&2 || true; fail "not so within $2 s: $3"; }
        sleep 2
    done
}
same() { [ "$1" = "$2" ] && [ -n "$1" ] || fail "$3: before: $1; after: $2"; }
# Puts what install.sh needs into the folder that every VM has as /host: stage BINARY
stage() {
    stage=$PI_VM_DIR/share/bramble
    rm -rf "$stage" && mkdir -p "$stage/packaging"
    cp ../../install.sh "$stage/" && cp ../../packaging/k3s-*.sh "$stage/packaging/" && cp "$1" "$stage/bramble-linux-arm64"
    [ -f "$PI_VM_DIR/share/busybox.tar" ] || ./busybox-image.sh >&2
}
# An apt source that needs no network, for use_repository: packages of the VM's architecture from the VM's own Debian. repository PACKAGE...; files added to
# $stage/packages afterwards take index_repository again.
repository() {
    local work=$PI_VM_DIR/packages apt
    rm -rf "$work" "$stage/packages" && mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$stage/packages"
    echo "deb $PI_VM_MIRROR $PI_VM_SUITE main" >"$work/sources.list"
    apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o Dir::State::status=/dev/null -o Debug::NoLocking=true -o APT::Sandbox::User=root)
    "${apt[@]}" update
    (cd "$stage/packages" && "${apt[@]}" download "${@/%/:arm64}")
    index_repository
}
index_repository() { (cd "$stage/packages" && dpkg-scanpackages --multiversion . >Packages 2>/dev/null); }
use_repository() { on "$1" 'rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*; echo "deb [trusted=yes] file:/host/bramble/packages ./" >/etc/apt/sources.list; apt-get -qq update' >&2; }
