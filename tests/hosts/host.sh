#!/bin/bash
# A test host: a machine of its own for a server or an agent, made of namespaces (network, mount, pid, uts, cgroup) on this one.
# The paths that K3s shares between nodes of one machine are its own: /run, /var/lib/{rancher,kubelet,cni}, /var/log/{pods,containers}, and layers over
# /etc, /usr/local and /opt, so that an installer can be tried. All hosts hang on one bridge, 10.201.0.0/24, where this machine is 10.201.0.1.
#   host.sh up NAME N [no-default-route]   makes the host with the address 10.201.0.N, 2 <= N <= 250
#   host.sh exec NAME COMMAND...           runs a command in it
#   host.sh down NAME                      ends everything in it and takes it away (as a power cut would: its disk goes too)
#   host.sh off NAME                       the same, but keeps its disk for the next up
set -euo pipefail
root=${BRAMBLE_TEST_HOSTS:-/var/tmp/bramble-hosts}
bridge=bramble-hosts

die() { echo "host.sh: $*" >&2; exit 1; }

# Set before the first use of the machine's tables: two hosts at once may come up.
make_bridge() {
    ip link show $bridge >/dev/null 2>&1 && return
    ip link add $bridge type bridge 2>/dev/null || return 0
    ip address add 10.201.0.1/24 dev $bridge
    ip link set $bridge up
    # No uplink: a host reaches its neighbours and this machine only.
}

# A group of its own in every hierarchy: two kubelets would remove each other's pod cgroups below one /kubepods.
enter_cgroups() {
    local group controller
    for controller in /sys/fs/cgroup/*/; do
        [ -f "$controller/cgroup.procs" ] || continue
        group=$controller/bramble-hosts/$1
        mkdir -p "$group"
        if [ -f "$group/cpuset.cpus" ]; then
            for file in cpuset.cpus cpuset.mems; do
                cat "$controller/$file" >"$controller/bramble-hosts/$file"
                cat "$controller/$file" >"$group/$file"
            done
        fi
        # Not $$: in a subshell that is another process.
        echo "$BASHPID" >"$group/cgroup.procs"
    done
}

# What runs as the host's first process, in its new namespaces.
boot() {
    local name=$1 disk=$root/$1/disk controllers controller
    mount --make-rprivate /
    hostname "$name"
    controllers=$(cd /sys/fs/cgroup && ls -d -- */ | tr -d /)
    mount -t proc proc /proc
    mount -t sysfs sysfs /sys
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    for controller in $controllers; do
        mkdir /sys/fs/cgroup/$controller
        case $controller in
            unified) mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified ;;
            systemd) mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd ;;
            *) mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" ;;
        esac
    done
    # Mounts of this machine below /run (network namespaces of its own pods) are not this host's.
    while read -r target; do umount -l "$target" 2>/dev/null || true; done < <(awk '$5 ~ "^/run/netns" { print $5 }' /proc/self/mountinfo | sort -r)
    mount -t tmpfs -o mode=755 run /run
    mkdir -p /run/lock /run/netns
    for path in var/lib/rancher var/lib/kubelet var/lib/cni var/log/pods var/log/containers; do
        mkdir -p "$disk/$path" "/$path"
        mount --bind "$disk/$path" "/$path"
    done
    for path in etc usr/local opt; do
        mkdir -p "$disk/$path" "$disk/.work/$path"
        mount -t overlay -o "lowerdir=/$path,upperdir=$disk/$path,workdir=$disk/.work/$path" overlay "/$path"
    done
    # What a session left on this machine is not part of a fresh host.
    [ -e "$disk/.used" ] || rm -rf /etc/rancher /etc/cni/net.d/*
    : >"$disk/.used"
    echo "$name" >/etc/hostname
    printf '127.0.0.1 localhost\n%s %s\n' "$2" "$name" >/etc/hosts
    ip link set lo up
    : >"$root/$name/booted"
    # Processes that lose their parent are reaped here.
    while :; do sleep infinity & wait $! || true; done
}

up() {
    local name=$1 address=10.201.0.$2
    mkdir -p "$root/$name/disk"
    [ ! -f "$root/$name/pid" ] || die "$name is up"
    make_bridge
    ip netns add "$name"
    # The kernel removes an earlier veth of this name late.
    for _ in $(seq 50); do ip link add "v-$name" type veth peer name eth0 netns "$name" 2>/dev/null && break || sleep 0.1; done
    ip link set "v-$name" master $bridge up
    ip -n "$name" address add "$address/24" dev eth0
    ip -n "$name" link set eth0 up
    [ "${3:-}" = no-default-route ] || ip -n "$name" route add default via 10.201.0.1
    rm -f "$root/$name/booted"
    (
        enter_cgroups "$name"
        exec nsenter --net="/run/netns/$name" setsid unshare --mount --uts --pid --cgroup --ipc --fork --kill-child "$0" boot "$name" "$address"
    ) >"$root/$name/log" 2>&1 </dev/null &
    local parent=$!
    for _ in $(seq 100); do
        [ ! -f "$root/$name/booted" ] || break
        kill -0 $parent 2>/dev/null || { cat "$root/$name/log" >&2; die "$name did not boot"; }
        sleep 0.05
    done
    pgrep -P $parent >"$root/$name/pid"
}

inside() {
    local name=$1; shift
    [ -f "$root/$name/pid" ] || die "$name is not up"
    enter_cgroups "$name"
    exec nsenter --target "$(cat "$root/$name/pid")" --mount --uts --ipc --net --pid --cgroup -- env "HOSTNAME=$name" "$@"
}

off() {
    local name=$1 pid group
    if [ -f "$root/$name/pid" ]; then
        pid=$(cat "$root/$name/pid")
        kill -9 "$pid" 2>/dev/null || true
        while [ -d "/proc/$pid" ]; do sleep 0.05; done
        rm "$root/$name/pid"
    fi
    ip link delete "v-$name" 2>/dev/null || true
    [ ! -e "/run/netns/$name" ] || ip netns delete "$name"
    # A group is busy until the last of its processes is reaped.
    for _ in $(seq 20); do
        find /sys/fs/cgroup/*/bramble-hosts/"$name" -depth -type d -exec rmdir {} + 2>/dev/null || true
        group=$(find /sys/fs/cgroup/*/bramble-hosts/"$name" -maxdepth 0 2>/dev/null || true)
        [ -n "$group" ] || break
        sleep 0.1
    done
}

case ${1:-} in
    up) [ $# -ge 3 ] || die 'up NAME N'; shift; up "$@" ;;
    boot) shift; boot "$@" ;;
    exec) shift; inside "$@" ;;
    off) off "$2" ;;
    down) off "$2"; rm -rf "${root:?}/$2" ;;
    *) sed -n '2,10p' "$0"; exit 1 ;;
esac
