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
# From here on the words behind the program are "$@".
(eval "set -- $exec_words") 2>/dev/null || die "INSTALL_K3S_EXEC has a quote without its other half: $exec_words"
eval "set -- $exec_words"

data_dir=
token_given=${K3S_TOKEN:-}${K3S_TOKEN_FILE:-}
runs_node=1
previous=
for word in "$@"; do
    case $previous in --data-dir|-data-dir|-d) data_dir=$word ;; esac
    case $word in
        --data-dir=*|-d=*) data_dir=${word#*=} ;;
        --token*|-t|-t=*) token_given=1 ;;
        --disable-agent|--disable-agent=true) runs_node= ;;
    esac
    previous=$word
done
[ -n "$data_dir" ] || data_dir=${K3S_DATA_DIR:-$(sed -n "s/^data-dir:[[:space:]]*[\"']\{0,1\}\([^\"' ]*\).*/\1/p" /etc/rancher/k3s/config.yaml 2>/dev/null || true)}
data_dir=${data_dir:-/var/lib/rancher/k3s}

case $command in
    server) ;;
    agent)
        case ${K3S_URL:-} in
            https://*|'') ;;
            *) die "K3S_URL must begin with https:// (is: $K3S_URL)" ;;
        esac
        [ -n "$token_given" ] || die "an agent needs K3S_TOKEN or K3S_TOKEN_FILE: take the line in /var/lib/rancher/k3s/server/node-token on the server" ;;
    *) die "INSTALL_K3S_EXEC must begin with server, agent or a flag, not \"$command\"" ;;
esac
case ${INSTALL_K3S_VERSION:-$version} in
    "$version") ;;
    *) die "this is $version; for $INSTALL_K3S_VERSION check out the matching release of Bramble" ;;
esac
[ -z "${INSTALL_K3S_COMMIT:-}${INSTALL_K3S_PR:-}" ] || die 'INSTALL_K3S_COMMIT and INSTALL_K3S_PR name builds of K3s; check out the commit of Bramble instead'
bin_dir=${INSTALL_K3S_BIN_DIR:-/usr/local/bin}
if [ -z "${INSTALL_K3S_BIN_DIR:-}" ] && [ -d /opt/bin ] && [ ! -w /usr/local/bin ]; then bin_dir=/opt/bin; fi
systemd_dir=${INSTALL_K3S_SYSTEMD_DIR:-/etc/systemd/system}
if [ -n "${INSTALL_K3S_NAME:-}" ]; then service=k3s-$INSTALL_K3S_NAME
elif [ "$command" = server ]; then service=k3s
else service=k3s-$command; fi

[ "$(id -u)" = 0 ] || die 'must run as root: sudo ./install.sh'
case $(uname -m) in
    x86_64|amd64) rid=linux-x64 ;;
    aarch64|arm64) rid=linux-arm64 ;;
    *) die "Bramble runs on 64-bit ARM and x86 only, not on $(uname -m); on a Raspberry Pi 3 or newer install the 64-bit Raspberry Pi OS" ;;
esac
if [ -d /run/systemd/system ]; then init=systemd
elif [ -x /sbin/openrc-run ]; then init=openrc
else init=none; fi
pid_file=/run/k3s/$service.pid
log_file=/var/log/$service.log

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
    reboot_needed=1
    if grep -q 'cgroup_enable=memory' "$line"; then return 0; fi
    say "The kernel's memory cgroup is off (Raspberry Pi OS' default); pods could have no memory limits."
    if [ -z "$yes" ]; then
        [ -t 0 ] || die "add \"cgroup_enable=memory cgroup_memory=1\" to the line in $line, or run ./install.sh --yes, which does it and keeps a copy"
        printf '[bramble] Add "cgroup_enable=memory cgroup_memory=1" to %s? A copy is kept. [Y/n] ' "$line"
        read -r answer
        case $answer in [Nn]*) die 'nothing was changed' ;; esac
    fi
    cp -p "$line" "$line.before-bramble"
    # One line, whatever ends it: the firmware reads nothing behind the first newline. Written beside and renamed: a torn one would not boot.
    sed '1s/[[:space:]]*$/ cgroup_enable=memory cgroup_memory=1/' "$line.before-bramble" >"$line.new"
    sync "$line.new" && mv -f "$line.new" "$line"
    say "Done; as it was: $line.before-bramble"
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
[ -n "$(find /usr/lib /lib -name 'libnftables.so.1' -print -quit 2>/dev/null)" ] || packages="$packages libnftables1"
apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 "$@"; }
install_packages() {
    [ -n "$1" ] || return 0
    command -v apt-get >/dev/null 2>&1 || die "install these by hand, there is no apt-get:$1"
    say "Installing$1"
    # shellcheck disable=SC2086
    apt install --no-remove --no-install-recommends $1 >/dev/null 2>&1 || { apt update && apt install --no-remove --no-install-recommends $1 >/dev/null; } ||
        die "apt-get cannot install$1. Its messages stand above; try: apt-get install --no-remove$1"
}
install_packages "$packages"
# Bramble runs a containerd of its own; one that came only for us need not run beside it.
if [ -n "$brought_containerd" ] && [ $init = systemd ]; then systemctl disable --now containerd.service >/dev/null 2>&1 || say 'containerd.service could not be disabled; it does no harm'; fi

# ---- the binary --------------------------------------------------------------------------------------------------------

has_sdk() { [ -x "$1" ] && "$1" --list-sdks 2>/dev/null | grep -q '^10\.'; }
# sudo hides the caller's PATH and DOTNET_ROOT: his login shell knows them.
find_dotnet() {
    for candidate in "$(command -v dotnet 2>/dev/null)" "${DOTNET_ROOT:-/nonexistent}/dotnet" "$user_home/.dotnet/dotnet" \
        "$([ "$user" = root ] || su - "$user" -c 'command -v dotnet' 2>/dev/null </dev/null | tail -n 1)" \
        /usr/share/dotnet/dotnet /usr/lib/dotnet/dotnet /opt/dotnet/dotnet; do
        if [ -n "$candidate" ] && has_sdk "$candidate"; then echo "$candidate"; return 0; fi
    done
    return 1
}
build_binary() {
    user=${SUDO_USER:-root}
    user_home=$(getent passwd "$user" | cut -d: -f6)
    elsewhere="publish on a PC (Debian, the .NET 10 SDK):
    packaging/publish.sh $rid
and with artifacts/publish/$rid/bramble copied here:
    sudo ./install.sh --binary ./bramble"
    dotnet=$(find_dotnet) || die "there is no release binary beside this script and no .NET 10 SDK to build one. Put the SDK into $user_home/.dotnet, or $elsewhere"
    carried_mb=$(awk '/^(MemTotal|SwapTotal):/ { kb += $2 } END { print int(kb / 1024) }' /proc/meminfo)
    [ "$carried_mb" -ge 3500 ] || die "this machine has $carried_mb MB of RAM and swap; compiling needs 3500. Add swap, or $elsewhere"
    build_packages=
    command -v clang >/dev/null 2>&1 || build_packages="$build_packages clang"
    [ -f /usr/include/zlib.h ] || build_packages="$build_packages zlib1g-dev"
    [ -f /usr/include/sqlite3.h ] || build_packages="$build_packages libsqlite3-dev"
    install_packages "$build_packages"
    say "Building bramble for $rid as $user (some minutes on a Pi)"
    publish="cd '$here' && DOTNET='$dotnet' packaging/publish.sh $rid artifacts/install"
    if [ "$user" = root ]; then sh -c "$publish"; else su "$user" -s /bin/sh -c "$publish"; fi || die 'the build failed; its messages stand above'
    binary=$here/artifacts/install/bramble
}
if [ "${INSTALL_K3S_SKIP_DOWNLOAD:-}" = true ] || [ "${INSTALL_K3S_SKIP_DOWNLOAD:-}" = binary ] || [ "${INSTALL_K3S_BIN_DIR_READ_ONLY:-}" = true ]; then
    [ -x "$bin_dir/bramble" ] || die "INSTALL_K3S_SKIP_DOWNLOAD is set, but there is no $bin_dir/bramble"
    binary=
elif [ -n "$binary" ]; then
    [ -f "$binary" ] || die "--binary: $binary does not exist"
else
    for candidate in "$here/bramble-$rid" "$here/bramble"; do
        [ -f "$candidate" ] && { binary=$candidate; break; }
    done
    [ -n "$binary" ] || build_binary
fi
env_file=$systemd_dir/$service.service.env
unit_file=$systemd_dir/$service.service
if [ $init = openrc ]; then
    env_file=/etc/rancher/k3s/$service.env
    unit_file=/etc/init.d/$service
fi
fingerprint() { cat "$bin_dir/bramble" "$unit_file" "$env_file" 2>/dev/null | sha256sum; }
before=$(fingerprint)
if [ -n "$binary" ]; then
    install -d -m 0755 "$bin_dir"
    # Renamed into place: the running one keeps its file.
    install -m 0755 "$binary" "$bin_dir/.bramble.new"
    "$bin_dir/.bramble.new" --version >/dev/null 2>&1 || { rm -f "$bin_dir/.bramble.new"; die "$binary does not run on this machine ($rid is needed)"; }
    answer=$("$bin_dir/.bramble.new" "$command" --help 2>&1 >/dev/null) || { rm -f "$bin_dir/.bramble.new"; die "$answer"; }
    mv -f "$bin_dir/.bramble.new" "$bin_dir/bramble"
fi

# ---- links, scripts, unit ----------------------------------------------------------------------------------------------

if [ "${INSTALL_K3S_BIN_DIR_READ_ONLY:-}" != true ]; then
    ln -sfn bramble "$bin_dir/k3s"
    for tool in kubectl crictl ctr; do
        case ${INSTALL_K3S_SYMLINK:-} in
            skip) ;;
            force) ln -sfn bramble "$bin_dir/$tool" ;;
            *) command -v "$tool" >/dev/null 2>&1 || ln -sfn bramble "$bin_dir/$tool" ;;
        esac
    done
    # The scripts know what was installed where; their variables still win.
    for script in k3s-killall k3s-uninstall; do
        target=$bin_dir/$script.sh
        [ $script = k3s-killall ] || target=$bin_dir/$service-uninstall.sh
        sed "s|^SERVICE=.*|SERVICE=$service|; s|^SYSTEMD_DIR=.*|SYSTEMD_DIR=$systemd_dir|; s|^DATA_DIR=.*|DATA_DIR=\${K3S_DATA_DIR:-$data_dir}|" "$here/packaging/$script.sh" >"$target.new"
        chmod 0755 "$target.new"
        mv -f "$target.new" "$target"
    done
fi

install -d -m 0755 "$(dirname "$env_file")" "$(dirname "$unit_file")"
(umask 077; env | grep -E '^(K3S_|CONTAINERD_|KINE_|HTTP_PROXY=|HTTPS_PROXY=|NO_PROXY=|http_proxy=|https_proxy=|no_proxy=)' | sort |
    sed "s/'/'\\\\''/g; s/^\([^=]*\)=\(.*\)$/\1='\2'/" >"$env_file" || true)
chmod 0600 "$env_file"

# A word as systemd reads it: quoted, without its specifiers and variables.
for_systemd() { printf '%s' "$1" | sed "s/\\\\/\\\\\\\\/g; s/'/\\\\'/g; s/%/%%/g; s/\\$/\$\$/g; s/^/'/; s/\$/'/"; }
for_shell() { printf '%s' "$1" | sed "s/'/'\\\\''/g; s/^/'/; s/\$/'/"; }
write_systemd_unit() {
    cat <<UNIT
[Unit]
Description=Bramble: Kubernetes for Raspberry Pi clusters ($command)
Wants=network-online.target
After=network-online.target

[Install]
WantedBy=multi-user.target
$(case $service in k3s|k3s-agent) echo 'Alias=bramble.service' ;; esac)

[Service]
Type=${INSTALL_K3S_TYPE:-notify}
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
EnvironmentFile=-$env_file
# Pods and containerd are no part of the service: stopping it leaves them running.
KillMode=process
# Listening sockets outlive a restart: nobody is refused meanwhile.
FileDescriptorStoreMax=64
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
UNIT
    printf 'ExecStart=%s/k3s' "$bin_dir"
    for word in "$@"; do printf ' \\\n    %s' "$(for_systemd "$word")"; done
    printf '\n'
}
write_openrc_script() {
    cat <<SCRIPT
#!/sbin/openrc-run
# Bramble: Kubernetes for Raspberry Pi clusters ($command)

depend() {
    after network-online
    want cgroups
}

start_pre() {
    modprobe -q br_netfilter
    modprobe -q overlay
    return 0
}

supervisor=supervise-daemon
name=$service
command=$bin_dir/k3s
command_args="$(for word in "$@"; do for_shell "$word" | sed 's/["\\$`]/\\&/g'; printf ' '; done)"
output_log=$log_file
error_log=$log_file
pidfile=/run/$service.pid
respawn_delay=5
respawn_max=0

set -o allexport
[ ! -f /etc/environment ] || . /etc/environment
[ ! -f $env_file ] || . $env_file
set +o allexport
SCRIPT
}
if [ $init = openrc ]; then
    write_openrc_script "$@" >"$unit_file"
    chmod 0755 "$unit_file"
    install -d -m 0755 /etc/logrotate.d
    printf '%s {\n    missingok\n    notifempty\n    copytruncate\n}\n' "$log_file" >"/etc/logrotate.d/$service"
else
    write_systemd_unit "$@" >"$unit_file"
fi

# ---- start -------------------------------------------------------------------------------------------------------------

is_running() { [ -f "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null; }
cause() { if [ $init = systemd ]; then journalctl -u "$service" -n 1 -o cat --no-pager 2>/dev/null; else tail -n 1 "$log_file" 2>/dev/null; fi; }
where_log() { if [ $init = systemd ]; then echo "journalctl -u $service -n 50"; else echo "tail -n 50 $log_file"; fi; }

if [ "${INSTALL_K3S_SKIP_ENABLE:-}" != true ]; then
    case $init in
        systemd) systemctl daemon-reload && systemctl enable "$service.service" >/dev/null 2>&1 || die "systemctl enable $service failed; see: systemctl status $service" ;;
        openrc) rc-update add "$service" default >/dev/null || die "rc-update add $service failed" ;;
    esac
fi
if [ -n "$reboot_needed" ]; then
    say 'Installed. Reboot now (sudo reboot): the memory cgroup comes with it, and the node comes up by itself.'
    [ $init != none ] || say "There is no systemd here: after the reboot run ./install.sh again, or $bin_dir/k3s $exec_words"
    exit 0
fi
if [ "${INSTALL_K3S_SKIP_ENABLE:-}" = true ] || [ "${INSTALL_K3S_SKIP_START:-}" = true ]; then
    case $init in
        systemd) how="systemctl start $service" ;;
        openrc) how="rc-service $service start" ;;
        *) how="$bin_dir/k3s $exec_words" ;;
    esac
    say "Installed, not started. Start with: $how"
    exit 0
fi

# What kube-proxy of an earlier K3s left would send service traffic elsewhere.
for tool in iptables ip6tables; do
    command -v $tool-save >/dev/null 2>&1 && command -v $tool-restore >/dev/null 2>&1 || continue
    rules=$($tool-save 2>/dev/null) || continue
    case $rules in *KUBE-*|*flannel*) printf '%s\n' "$rules" | grep -v -e KUBE- -e flannel | $tool-restore || say "$tool-restore refused the rules without KUBE- and flannel" ;; esac
done

changed=
[ "$before" = "$(fingerprint)" ] && [ "${INSTALL_K3S_FORCE_RESTART:-}" != true ] || changed=1
case $init in
    systemd)
        if [ -n "$changed" ] || ! systemctl is-active -q "$service"; then
            say "Starting $service (log: journalctl -u $service)"
            systemctl restart "$service" || die "the service did not start: $(cause)"
        else
            say 'Nothing changed; the service goes on.'
        fi ;;
    openrc)
        if [ -n "$changed" ] || ! rc-service "$service" status >/dev/null 2>&1; then
            say "Starting $service (log: $log_file)"
            rc-service "$service" restart >/dev/null || die "the service did not start: $(cause)"
        else
            say 'Nothing changed; the service goes on.'
        fi ;;
    none)
        if is_running && [ -n "$changed" ]; then
            old=$(cat "$pid_file")
            kill "$old"
            tries=0
            while kill -0 "$old" 2>/dev/null; do
                tries=$((tries + 1))
                [ $tries -lt 150 ] || die "the running server (pid $old) does not stop"
                sleep 0.2
            done
        fi
        if is_running; then
            say 'Nothing changed; the server goes on.'
        else
            say "Starting bramble (no systemd here): log in $log_file; stop with: kill \$(cat $pid_file)"
            install -d -m 0755 /run/k3s
            (set -a; . "$env_file"; set +a; exec setsid "$bin_dir/k3s" "$@" >>"$log_file" 2>&1 </dev/null & echo $! >"$pid_file")
        fi ;;
esac

[ "$command" = server ] || { say "The agent runs. On the server: k3s kubectl get nodes"; exit 0; }
[ -n "$runs_node" ] || { say 'The server runs, without a node.'; exit 0; }
say 'Waiting for the node to be Ready'
tries=0
until "$bin_dir/k3s" kubectl get nodes 2>/dev/null | grep -qw Ready; do
    tries=$((tries + 1))
    [ $tries -lt 240 ] || die "the node is not Ready after 2 minutes; see: $(where_log)"
    [ $init != none ] || is_running || die "the server ended: $(cause)"
    [ $init != systemd ] || systemctl is-active -q "$service" || die "the service ended: $(cause)"
    sleep 0.5
done
"$bin_dir/k3s" kubectl get nodes
say "Ready. kubectl: sudo k3s kubectl get pods -A   join token: $data_dir/server/node-token   remove: $bin_dir/$service-uninstall.sh"
