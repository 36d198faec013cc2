#!/bin/sh
# Removes Bramble from this machine: everything k3s-killall.sh takes away, then units, binary, links, configuration and all data of the cluster on this
# node. It leaves /etc/rancher/node, so that the machine may join again under its name. K3S_DATA_DIR names a data directory other than the installed one.
set -u

# install.sh fills these in.
SERVICE=k3s
SYSTEMD_DIR=/etc/systemd/system
DATA_DIR=${K3S_DATA_DIR:-/var/lib/rancher/k3s}

[ "$(id -u)" -eq 0 ] || exec sudo --preserve-env=K3S_DATA_DIR "$0" "$@"

BIN_DIR=$(cd "$(dirname "$0")" && pwd)

K3S_DATA_DIR=$DATA_DIR "$BIN_DIR/k3s-killall.sh"

if [ -d /run/systemd/system ]; then
    systemctl disable "$SERVICE" 2>/dev/null
    systemctl reset-failed "$SERVICE" 2>/dev/null
fi
[ ! -x /sbin/openrc-run ] || rc-update delete "$SERVICE" default 2>/dev/null
rm -f "$SYSTEMD_DIR/$SERVICE.service" "$SYSTEMD_DIR/$SERVICE.service.env"
[ -e "$SYSTEMD_DIR/bramble.service" ] || rm -f "$SYSTEMD_DIR/bramble.service"
rm -f "/etc/init.d/$SERVICE" "/etc/rancher/k3s/$SERVICE.env" "/etc/logrotate.d/$SERVICE" "/var/log/$SERVICE.log"
[ ! -d /run/systemd/system ] || systemctl daemon-reload
rm -f "$0"

# Another instance still needs the rest.
for unit in "$SYSTEMD_DIR"/k3s*.service /etc/init.d/k3s*; do
    [ -e "$unit" ] || continue
    echo "$unit remains: keeping the binary and the data."
    exit 0
done

for link in kubectl crictl ctr k3s; do
    # Only links to us: somebody's own kubectl stays.
    case "$(readlink "$BIN_DIR/$link" 2>/dev/null)" in
        *bramble | *k3s) rm -f "$BIN_DIR/$link" ;;
    esac
done

# A disk that the user mounted as data directory, or into it, is emptied of nothing that is on another disk, and stays mounted.
remove_data() {
    [ -d "$1" ] || return 0
    mounts=$(awk -v root="$1" '{ if (index($5 "/", root "/") == 1) print $5 }' /proc/self/mountinfo)
    if [ -z "$mounts" ]; then
        rm -rf "$1"
    else
        find "$1" -xdev -mindepth 1 -depth ! -type d -delete
        find "$1" -xdev -mindepth 1 -depth -type d -empty -delete
    fi
}

rm -rf /etc/rancher/k3s /run/k3s /run/flannel
for folder in /var/lib/kubelet /var/log/pods /var/log/containers "$DATA_DIR"; do remove_data "$folder"; done
rm -f "$BIN_DIR/bramble" "$BIN_DIR/k3s" "$BIN_DIR/k3s-killall.sh"
