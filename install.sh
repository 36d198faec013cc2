#!/bin/sh
# Installs Bramble on Debian or Raspberry Pi OS and leaves a running cluster.
#
#   sudo ./install.sh                          a server with its node
#   sudo ./install.sh --disable traefik        ... with flags of `bramble server`
#   sudo K3S_URL=https://server:6443 K3S_TOKEN=... ./install.sh          an agent
#   sudo ./install.sh --binary FILE            with a binary published elsewhere
#   sudo ./install.sh --yes                    ask nothing
#
# The variables of K3s' installer (INSTALL_K3S_EXEC, INSTALL_K3S_SKIP_START, ...) mean what they mean there.
# Running it again upgrades in place: containers go on.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
version='v1.36.2+k3s1'

say() { printf '[bramble] %s\n' "$*"; }
die() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

# ---- what is wanted -------------------------------------------------------------------------------------------------

binary=
yes=${BRAMBLE_YES:-}
exec_words=${INSTALL_K3S_EXEC:-}
while [ $# -gt 0 ]; do
    case $1 in
        --binary) [ $# -ge 2 ] || die '--binary needs a file: ./install.sh --binary ./bramble'; binary=$2; shift 2 ;;
        --binary=*) binary=${1#--binary=}; shift ;;
        --yes|-y) yes=1; shift ;;
        --help|-h) sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
        *) exec_words="${exec_words:+$exec_words }$(printf '%s' "$1" | sed "s/'/'\\\\''/g; s/.*[^A-Za-z0-9_.,:=/@%+-].*/'&'/")"; shift ;;
    esac
done
case $exec_words in
    ''|-*) if [ -n "${K3S_URL:-}" ]; then command=agent; else command=server; fi
           exec_words="$command${exec_words:+ $exec_words}" ;;
    *) command=${exec_words%% *} ;;
esac
case $command in
    server) ;;
    agent)
        case ${K3S_URL:-} in https://*) ;; '') ;; *) die "K3S_URL must begin with https:// (is: $K3S_URL)" ;; esac
        [ -n "${K3S_TOKEN:-}${K3S_TOKEN_FILE:-}" ] || case $exec_words in *--token*|*' -t '*) ;; *) die 'an agent needs K3S_TOKEN or K3S_TOKEN_FILE: take the line from /var/lib/rancher/k3s/server/node-token on the server' ;; esac ;;
    *) die "INSTALL_K3S_EXEC must begin with server, agent or a flag, not \"$command\"" ;;
esac
case ${INSTALL_K3S_VERSION:-$version} in
    "$version") ;;
    *) die "this is $version; for ${INSTALL_K3S_VERSION} check out the matching release of Bramble" ;;
esac
bin_dir=${INSTALL_K3S_BIN_DIR:-/usr/local/bin}
systemd_dir=${INSTALL_K3S_SYSTEMD_DIR:-/etc/systemd/system}
if [ -n "${INSTALL_K3S_NAME:-}" ]; then service=k3s-$INSTALL_K3S_NAME
elif [ "$command" = server ]; then service=k3s
else service=k3s-$command; fi
data_dir=${K3S_DATA_DIR:-/var/lib/rancher/k3s}
case $exec_words in *--data-dir[=\ ]*) data_dir=$(printf '%s' "$exec_words" | sed 's/.*--data-dir[= ]\([^ ]*\).*/\1/') ;; esac

[ "$(id -u)" = 0 ] || die 'must run as root: sudo ./install.sh'
case $(uname -m) in
    x86_64|amd64) rid=linux-x64 ;;
    aarch64|arm64) rid=linux-arm64 ;;
    *) die "Bramble runs on 64-bit ARM and x86 only, not on $(uname -m); on a Raspberry Pi 3 or newer install the 64-bit Raspberry Pi OS" ;;
esac
has_systemd() { [ -d /run/systemd/system ]; }

# ---- the board: memory cgroup ----------------------------------------------------------------------------------------

reboot_needed=
has_memory_cgroup() {
    grep -qw memory /sys/fs/cgroup/cgroup.controllers 2>/dev/null && return 0
    awk '$1 == "memory" && $4 == 1 { found = 1 } END { exit !found }' /proc/cgroups 2>/dev/null
}
enable_memory_cgroup() {
    has_memory_cgroup && return 0
    for line in /boot/firmware/cmdline.txt /boot/cmdline.txt; do [ -f "$line" ] && break; done
    [ -f "$line" ] || die "the kernel's memory cgroup is off. Boot with cgroup_enable=memory on the kernel's command line, then run this again"
    if grep -q 'cgroup_enable=memory' "$line"; then reboot_needed=1; return 0; fi
    say "The kernel's memory cgroup is off (Raspberry Pi OS' default); pods could have no memory limits."
    if [ -z "$yes" ]; then
        [ -t 0 ] || die "add \"cgroup_enable=memory cgroup_memory=1\" to the line in $line, or run ./install.sh --yes, which does it and keeps a copy"
        printf '[bramble] Add "cgroup_enable=memory cgroup_memory=1" to %s? A copy is kept. [Y/n] ' "$line"
        read -r answer
        case $answer in [Nn]*) die 'nothing was changed' ;; esac
    fi
    cp -p "$line" "$line.before-bramble"
    # One line, whatever ends it: the firmware reads nothing behind the first newline.
    sed -i '1s/[[:space:]]*$/ cgroup_enable=memory cgroup_memory=1/' "$line"
    reboot_needed=1
}
enable_memory_cgroup

# ---- what Bramble stands on --------------------------------------------------------------------------------------------

packages=
need() { command -v "$1" >/dev/null 2>&1 || packages="$packages $2"; }
brought_containerd=
if ! command -v containerd >/dev/null 2>&1; then packages="$packages containerd"; brought_containerd=1; fi
# A vendor's containerd brings its own runc, and Debian's package would ask to remove it.
if ! command -v runc >/dev/null 2>&1 && ! command -v crun >/dev/null 2>&1; then packages="$packages runc"; fi
[ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] || packages="$packages containernetworking-plugins"
need nft nftables
need ip iproute2
[ -n "$(find /usr/lib -name 'libnftables.so.1' -print -quit 2>/dev/null)" ] || packages="$packages libnftables1"
apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 "$@"; }
install_packages() {
    [ -n "$1" ] || return 0
    command -v apt-get >/dev/null 2>&1 || die "install these by hand, there is no apt-get:$1"
    say "Installing$1"
    # shellcheck disable=SC2086
    apt install --no-remove --no-install-recommends $1 >/dev/null 2>&1 || { apt update && apt install --no-remove --no-install-recommends $1 >/dev/null; } ||
        die "apt-get cannot install$1. Try: apt-get update && apt-get install$1"
}
install_packages "$packages"
# Bramble runs a containerd of its own; one that came only for us need not run beside it.
if [ -n "$brought_containerd" ] && has_systemd; then systemctl disable --now containerd.service >/dev/null 2>&1 || say 'containerd.service could not be disabled; it does no harm'; fi

# ---- the binary --------------------------------------------------------------------------------------------------------

find_dotnet() {
    for candidate in dotnet "${DOTNET_ROOT:-/nonexistent}/dotnet" "$user_home/.dotnet/dotnet" /usr/share/dotnet/dotnet /usr/lib/dotnet/dotnet /opt/dotnet/dotnet /root/.dotnet/dotnet; do
        command -v "$candidate" >/dev/null 2>&1 && { command -v "$candidate"; return 0; }
    done
    return 1
}
build_binary() {
    user=${SUDO_USER:-root}
    user_home=$(getent passwd "$user" | cut -d: -f6)
    dotnet=$(find_dotnet) || die "there is no release binary beside this script and no .NET 10 SDK to build one. Either put the SDK into $user_home/.dotnet, or publish on a PC:
    dotnet publish src/Bramble -c Release -r $rid -o out   then here: sudo ./install.sh --binary out/bramble"
    carried_mb=$(awk '/^(MemTotal|SwapTotal):/ { kb += $2 } END { print int(kb / 1024) }' /proc/meminfo)
    [ "$carried_mb" -ge 3500 ] || die "this machine has $carried_mb MB of RAM and swap; compiling needs 3500. Publish on a PC instead:
    dotnet publish src/Bramble -c Release -r $rid -o out   (cross-compiling: docs/building.md)   then here: sudo ./install.sh --binary out/bramble"
    build_packages=
    need_build() { command -v "$1" >/dev/null 2>&1 || build_packages="$build_packages $2"; }
    need_build clang clang
    [ -f /usr/include/zlib.h ] || build_packages="$build_packages zlib1g-dev"
    [ -f /usr/include/sqlite3.h ] || build_packages="$build_packages libsqlite3-dev"
    install_packages "$build_packages"
    say "Building bramble for $rid as $user (some minutes on a Pi)"
    out=$here/artifacts/install
    publish="'$dotnet' publish '$here/src/Bramble' -c Release -r $rid -o '$out' --nologo -v q"
    if [ "$user" = root ]; then sh -c "$publish"; else su "$user" -s /bin/sh -c "$publish"; fi || die 'the build failed; its messages stand above'
    binary=$out/bramble
}
if [ "${INSTALL_K3S_SKIP_DOWNLOAD:-}" = true ] || [ "${INSTALL_K3S_SKIP_DOWNLOAD:-}" = binary ] || [ "${INSTALL_K3S_BIN_DIR_READ_ONLY:-}" = true ]; then
    [ -x "$bin_dir/bramble" ] || die "INSTALL_K3S_SKIP_DOWNLOAD is set, but there is no $bin_dir/bramble"
elif [ -n "$binary" ]; then
    [ -f "$binary" ] || die "--binary: $binary does not exist"
else
    for candidate in "$here/bramble-$rid" "$here/bramble"; do
        [ -f "$candidate" ] && { binary=$candidate; break; }
    done
    [ -n "$binary" ] || build_binary
fi
fingerprint() { cat "$bin_dir/bramble" "$systemd_dir/$service.service" "$systemd_dir/$service.service.env" 2>/dev/null | sha256sum; }
before=$(fingerprint)
if [ -n "$binary" ]; then
    install -d -m 0755 "$bin_dir"
    # Renamed into place: the running one keeps its file.
    install -m 0755 "$binary" "$bin_dir/.bramble.new"
    "$bin_dir/.bramble.new" --version >/dev/null 2>&1 || { rm -f "$bin_dir/.bramble.new"; die "$binary does not run on this machine ($rid is needed)"; }
    mv -f "$bin_dir/.bramble.new" "$bin_dir/bramble"
fi

# ---- links, scripts, unit ----------------------------------------------------------------------------------------------

if [ "${INSTALL_K3S_BIN_DIR_READ_ONLY:-}" != true ]; then
    ln -sfn bramble "$bin_dir/k3s"
    for tool in kubectl crictl ctr; do
        case ${INSTALL_K3S_SYMLINK:-} in
            skip) ;;
            force) ln -sfn bramble "$bin_dir/$tool" ;;
            *) command -v "$tool" >/dev/null 2>&1 || ln -s bramble "$bin_dir/$tool" ;;
        esac
    done
    uninstall=$([ "$command" = server ] && echo k3s-uninstall.sh || echo k3s-agent-uninstall.sh)
    install -m 0755 "$here/packaging/k3s-killall.sh" "$bin_dir/k3s-killall.sh"
    install -m 0755 "$here/packaging/$uninstall" "$bin_dir/$uninstall"
fi

install -d -m 0755 "$systemd_dir"
env_file=$systemd_dir/$service.service.env
(umask 077; env | grep -E '^(K3S_|CONTAINERD_|KINE_|HTTP_PROXY=|HTTPS_PROXY=|NO_PROXY=|http_proxy=|https_proxy=|no_proxy=)' |
    sed "s/'/'\\\\''/g; s/^\([^=]*\)=\(.*\)$/\1='\2'/" > "$env_file" || true)
chmod 0600 "$env_file"
cat > "$systemd_dir/$service.service" <<UNIT
[Unit]
Description=Bramble: Kubernetes for Raspberry Pi clusters ($command)
Wants=network-online.target
After=network-online.target

[Install]
WantedBy=multi-user.target
$([ "$service" = k3s ] && echo 'Alias=bramble.service')

[Service]
Type=${INSTALL_K3S_TYPE:-notify}
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
EnvironmentFile=-$env_file
# Pods and containerd are no part of the service: stopping it leaves them running.
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
ExecStart=$bin_dir/k3s $exec_words
UNIT

# ---- start -------------------------------------------------------------------------------------------------------------

pid_file=/run/k3s/$service.pid
log_file=/var/log/$service.log
is_running() { [ -f "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null; }

if has_systemd; then
    systemctl daemon-reload
    [ "${INSTALL_K3S_SKIP_ENABLE:-}" = true ] || systemctl enable "$service.service" >/dev/null 2>&1 || die "systemctl enable $service failed; see: systemctl status $service"
fi
if [ -n "$reboot_needed" ]; then
    say 'Installed. Reboot now (sudo reboot): the memory cgroup comes with it, and the node comes up by itself.'
    exit 0
fi
if [ "${INSTALL_K3S_SKIP_ENABLE:-}" = true ] || [ "${INSTALL_K3S_SKIP_START:-}" = true ]; then
    say "Installed, not started. Start with: $(has_systemd && echo "systemctl start $service" || echo "$bin_dir/k3s $exec_words")"
    exit 0
fi
after=$(fingerprint)
if has_systemd; then
    if [ "$before" != "$after" ] || [ "${INSTALL_K3S_FORCE_RESTART:-}" = true ] || ! systemctl is-active -q "$service"; then
        say "Starting $service"
        systemctl restart "$service" || die "the service did not start; see: journalctl -u $service -n 50"
    else
        say 'Nothing changed; the service goes on.'
    fi
else
    if is_running && { [ "$before" != "$after" ] || [ "${INSTALL_K3S_FORCE_RESTART:-}" = true ]; }; then
        old=$(cat "$pid_file")
        kill "$old"
        tries=0
        while kill -0 "$old" 2>/dev/null; do
            tries=$((tries + 1))
            [ $tries -lt 150 ] || die "the running server (pid $old) does not stop"
            sleep 0.2
        done
    fi
    if ! is_running; then
        say "Starting bramble (no systemd here): log in $log_file; stop with: kill \$(cat $pid_file)"
        install -d -m 0755 /run/k3s
        (set -a; . "$env_file"; set +a; eval "exec setsid $bin_dir/k3s $exec_words" >>"$log_file" 2>&1 </dev/null & echo $! > "$pid_file")
    fi
fi

[ "$command" = server ] || { say "The agent runs. On the server: k3s kubectl get nodes"; exit 0; }
case " $exec_words " in *' --disable-agent '*) say 'The server runs, without a node.'; exit 0 ;; esac
say 'Waiting for the node to be Ready'
tries=0
until "$bin_dir/k3s" kubectl get nodes 2>/dev/null | grep -qw Ready; do
    tries=$((tries + 1))
    if [ $tries -ge 240 ]; then
        has_systemd && die "the node is not Ready after 2 minutes; see: journalctl -u $service -n 50"
        die "the node is not Ready after 2 minutes; see: tail -n 50 $log_file"
    fi
    has_systemd || is_running || die "the server ended: $(tail -n 1 "$log_file")"
    sleep 0.5
done
"$bin_dir/k3s" kubectl get nodes
say "Ready. kubectl: sudo k3s kubectl get pods -A   join token: $data_dir/server/node-token   remove: $bin_dir/k3s-uninstall.sh"
