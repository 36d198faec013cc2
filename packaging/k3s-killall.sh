#!/bin/sh
# Stops Bramble and everything it started, and takes its mounts, links, rules, routes and cgroups out of this machine. Data stays: k3s-uninstall.sh
# removes that. Safe to run again, and after a crash. K3S_DATA_DIR names a data directory other than the installed one.
set -u

# install.sh fills these in.
SYSTEMD_DIR=/etc/systemd/system
DATA_DIR=${K3S_DATA_DIR:-/var/lib/rancher/k3s}

[ "$(id -u)" -eq 0 ] || exec sudo --preserve-env=K3S_DATA_DIR "$0" "$@"

RUN_DIR=/run/k3s
SOCKET=$RUN_DIR/containerd/containerd.sock

have() { command -v "$1" >/dev/null 2>&1; }

# The command line of a process, words separated by spaces; nothing when it has gone.
command_line() { { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null; }

processes() {
    for dir in /proc/[0-9]*; do
        echo "${dir#/proc/}"
    done
}

# Processes below the given ones, they themselves first. Shims reap containers, so a container's first process is a shim's child.
with_descendants() {
    [ $# -gt 0 ] || return 0
    for parent in "$@"; do
        echo "$parent"
        children=$(cat "/proc/$parent/task/$parent/children" 2>/dev/null)
        # shellcheck disable=SC2086
        with_descendants $children
    done
}

stop_services() {
    for unit in "$SYSTEMD_DIR"/k3s*.service; do
        [ -f "$unit" ] && [ -d /run/systemd/system ] && systemctl stop "$(basename "$unit")"
    done
    for script in /etc/init.d/k3s*; do
        [ -x "$script" ] && "$script" stop
    done
    # Without an init system install.sh leaves a pid file.
    for file in "$RUN_DIR"/*.pid; do
        [ -f "$file" ] || continue
        read -r pid rest <"$file" || continue
        case "$(command_line "$pid")" in
            *bramble* | *k3s*) kill "$pid" 2>/dev/null && wait_for_end "$pid" ;;
        esac
    done
}

# Without systemd a tiny process keeps the listening sockets (ports 80 and 443, the cluster DNS) while Bramble restarts.
stop_socket_holder() {
    for pid in $(processes); do
        case "$(command_line "$pid")" in
            "$DATA_DIR/agent/socket-holder "*) kill "$pid" 2>/dev/null && wait_for_end "$pid" ;;
        esac
    done
}

# Up to thirty seconds for a process to end by itself: open requests of Bramble's ingress have ten.
wait_for_end() {
    tries=300
    while [ -d "/proc/$1" ] && [ $tries -gt 0 ]; do
        sleep 0.1
        tries=$((tries - 1))
    done
}

# Our containerd knows our configuration, its shims our socket; another containerd on this machine is not touched.
runtime_processes() {
    for pid in $(processes); do
        line=$(command_line "$pid")
        case "$line" in
            *containerd-shim*"$SOCKET"* | *containerd-shim*"$DATA_DIR"*) echo "$pid" ;;
            *containerd*"$DATA_DIR/agent/etc/containerd/"* | *containerd*"$SOCKET"*) echo "$pid" ;;
        esac
    done
}

kill_containers() {
    # containerd first: it would report every death and restart shims' clients.
    # shellcheck disable=SC2046
    set -- $(with_descendants $(runtime_processes) | sort -un)
    for pid in "$@"; do
        [ "$pid" -ne $$ ] && kill -9 "$pid" 2>/dev/null
    done
    for pid in "$@"; do
        [ "$pid" -ne $$ ] && wait_for_end "$pid"
    done
}

# Unmounts all below a path, the deepest first, and then removes the path itself when asked.
unmount_below() {
    awk -v root="$1" '{ gsub(/\\040/, " ", $5); if (index($5, root "/") == 1 || $5 == root) print $5 }' /proc/self/mountinfo | sort -r | while read -r mount; do
        # What another mount covers cannot be reached; below a path that goes anyway.
        mountpoint -q "$mount" || continue
        umount -f "$mount" 2>/dev/null || umount -l "$mount"
    done
    [ "${2:-}" = remove ] && rm -rf "$1"
    return 0
}

remove_namespaces() {
    for file in /run/netns/cni-*; do
        [ -e "$file" ] || continue
        umount "$file" 2>/dev/null || umount -l "$file" 2>/dev/null
        rm -f "$file"
    done
}

remove_links() {
    have ip || return 0
    ip -o link show master cni0 2>/dev/null | sed 's/^[0-9]*: \([^@:]*\).*/\1/' | while read -r link; do
        ip link delete "$link"
    done
    for link in cni0 flannel.1 flannel-v6.1 flannel-wg flannel-wg-v6 kube-ipvs0; do
        ip link show "$link" >/dev/null 2>&1 && ip link delete "$link"
    done
    # The routes that Bramble made carry its protocol number.
    ip route flush table main proto 77 2>/dev/null
    ip -6 route flush table main proto 77 2>/dev/null
    rm -rf /var/lib/cni/* "$DATA_DIR/agent/cni" "$DATA_DIR/agent/etc/cni" /run/flannel
    # It may be a mount of the user's.
    rmdir /var/lib/cni 2>/dev/null
}

remove_rules() {
    if have nft; then
        for family in ip ip6; do
            for table in bramble bramble-policy; do
                nft list table $family $table >/dev/null 2>&1 && nft delete table $family $table
            done
        done
        # Accepts that we put into the chains of other firewalls are tagged.
        nft -a list ruleset 2>/dev/null | awk '
            $1 == "table" { family = $2; table = $3 }
            $1 == "chain" { chain = $2 }
            /comment "bramble"/ && /# handle [0-9]+$/ { print "delete rule " family " " table " " chain " handle " $NF }' | while read -r command; do
            # shellcheck disable=SC2086
            nft $command
        done
    fi
    # The same after iptables-restore has rewritten them, and what an earlier K3s left.
    for tool in iptables ip6tables; do
        have $tool-save || continue
        rules=$($tool-save 2>/dev/null) || continue
        if echo "$rules" | grep -qE 'comment "?bramble"?( |$)|KUBE-|CNI-|flannel'; then
            echo "$rules" | grep -vE 'comment "?bramble"?( |$)|KUBE-|CNI-|flannel' | $tool-restore
        fi
    done
}

remove_cgroups() {
    [ -d /run/systemd/system ] && systemctl stop kubepods.slice 2>/dev/null
    # Outside a service the tree is below a group k3s of its own. A group is busy until the last of its processes is reaped.
    tries=20
    while [ $tries -gt 0 ]; do
        groups=$(find /sys/fs/cgroup -depth -type d \( -path '*/kubepods/*' -o -path '*/kubepods.slice/*' -o -name kubepods -o -name kubepods.slice -o -name k3s \) 2>/dev/null)
        [ -n "$groups" ] || return 0
        # shellcheck disable=SC2086
        rmdir $groups 2>/dev/null && return 0
        sleep 0.1
        tries=$((tries - 1))
    done
}

# Shims keep their sockets, and runc what it knows of containers, in folders that all containerds of a machine share; with the last of them they go.
remove_shared_state() {
    for pid in $(processes); do
        case "$(readlink "/proc/$pid/exe")" in
            */containerd*) return 0 ;;
        esac
    done
    rm -rf /run/containerd/s /run/containerd/runc/k8s.io
    rmdir /run/containerd/runc /run/containerd 2>/dev/null
}

stop_services
stop_socket_holder
kill_containers
unmount_below "$RUN_DIR" remove
unmount_below /var/lib/kubelet/pods remove
unmount_below /var/lib/kubelet/plugins remove
unmount_below "$DATA_DIR/agent/containerd"
remove_namespaces
remove_links
remove_rules
remove_cgroups
remove_shared_state
exit 0
