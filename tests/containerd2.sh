#!/bin/bash
# containerd2.sh FOLDER: containerd 2.x of Debian's unstable distribution, unpacked, not installed; from the mirror that this machine's apt uses.
# Says why and ends with 1 when it is not to be had or does not run here (its C library may have become too new).
set -euo pipefail
folder=$(realpath -m "$1")
[ -x "$folder/containerd" ] && exec "$folder/containerd" --version
mirror=$(awk '/^URIs:/ { print $2; exit } /^deb / { for (i = 2; i <= NF; i++) if ($i ~ /^http/) { print $i; exit } }' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true)
[ -n "$mirror" ] || { echo "this machine's apt names no Debian mirror"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror unstable main" >"$work/sources"
apt=(apt-get -qq -o "Dir::Etc::sourcelist=$work/sources" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
    -o Dir::State::status=/dev/null -o Acquire::Languages=none -o "APT::Sandbox::User=$(id -un)")
"${apt[@]}" update && (cd "$work" && "${apt[@]}" download containerd) || { echo "the mirror has no unstable distribution"; exit 1; }
dpkg-deb -x "$work"/containerd_*.deb "$work/root"
"$work/root/usr/bin/containerd" --version || { echo "unstable's containerd does not run here"; exit 1; }
mkdir -p "$folder"
install "$work"/root/usr/bin/{containerd,containerd-shim-runc-v2,ctr} "$folder"
