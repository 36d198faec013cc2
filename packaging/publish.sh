#!/bin/bash
# Publishes the Native AOT binary; CI, install.sh and users on a PC use this one way.
#   packaging/publish.sh                          for this machine, into artifacts/publish/RID/bramble
#   packaging/publish.sh linux-arm64 [FOLDER]     for a Pi, also from an x86-64 PC
# Needs the .NET 10 SDK (DOTNET names it), clang, zlib1g-dev and libsqlite3-dev; for the other architecture clang, lld and that architecture's binutils:
# its C library and SQLite are unpacked, not installed, from this Debian's own packages into artifacts/sysroot.
set -euo pipefail
cd "$(dirname "$0")/.."
die() { echo "publish.sh: $*" >&2; exit 1; }

case $(uname -m) in x86_64 | amd64) own=linux-x64 ;; aarch64 | arm64) own=linux-arm64 ;; *) own= ;; esac
rid=${1:-$own}
out=${2:-artifacts/publish/$rid}
case $rid in
    linux-arm64) debian=arm64 triplet=aarch64-linux-gnu ;;
    linux-x64) debian=amd64 triplet=x86_64-linux-gnu ;;
    *) die "there is linux-arm64 and linux-x64, not \"$rid\"" ;;
esac
dotnet=${DOTNET:-dotnet}
missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
command -v "$dotnet" >/dev/null 2>&1 || die 'the .NET 10 SDK is not there: put it into ~/.dotnet and run again with DOTNET=~/.dotnet/dotnet'
need clang clang
if [ "$rid" = "$own" ]; then
    [ -f /usr/include/zlib.h ] || missing+=(zlib1g-dev)
    [ -f /usr/include/sqlite3.h ] || missing+=(libsqlite3-dev)
else
    need ld.lld lld
    need $triplet-objcopy "binutils-${triplet//_/-}"
    need apt-get apt
    need dpkg-deb dpkg
fi
[ ${#missing[@]} = 0 ] || die "install first: apt-get install ${missing[*]}"

# What the linker takes from the other architecture. Own lists and cache: this machine's dpkg learns of no foreign architecture.
fill_sysroot() {
    local sysroot=$1 work=$1.new
    rm -rf "$work" && mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
    local apt=(apt-get -qq -o "APT::Architecture=$debian" -o "APT::Architectures::=$debian" -o "Dir::State::lists=$PWD/$work/lists" -o "Dir::Cache=$PWD/$work/cache"
        -o Dir::State::status=/dev/null -o Acquire::Languages=none -o Debug::NoLocking=true -o APT::Sandbox::User="$(id -un)")
    "${apt[@]}" update
    local gcc
    gcc=$(apt-cache "${apt[@]:2}" show "libgcc-s1:$debian" | awk '/^Source: gcc-/ { sub(/gcc-/, "", $2); print $2; exit }')
    [ -n "$gcc" ] || die "no packages of $debian among this machine's apt sources"
    (cd "$work" && "${apt[@]}" download "libc6:$debian" "libc6-dev:$debian" "libgcc-s1:$debian" "libgcc-$gcc-dev:$debian" "libsqlite3-dev:$debian")
    local package
    for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/root"; done
    # Debian 12 has /lib and /usr/lib in two packages' files; on a machine they are one.
    if [ -d "$work/root/lib" ] && [ ! -L "$work/root/lib" ]; then cp -a "$work/root/lib/." "$work/root/usr/lib/" && rm -rf "$work/root/lib"; fi
    ln -sfn usr/lib "$work/root/lib"
    # Absolute links would lead out of it (libm.so among them: the linker would then take the static one, which is not meant for this).
    local link
    while read -r link; do ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$work/root$(readlink "$link")")" "$link"; done < <(find "$work/root" -type l -lname '/*')
    rm -rf "$sysroot" && mv "$work/root" "$sysroot" && rm -rf "$work"
}

options=()
if [ "$rid" != "$own" ]; then
    sysroot=artifacts/sysroot/$rid
    [ -f "$sysroot/usr/lib/$triplet/libsqlite3.a" ] || { mkdir -p artifacts/sysroot && fill_sysroot "$sysroot"; }
    options=(-p:LinkerFlavor=lld "-p:ObjCopyName=$triplet-objcopy" "-p:SysRoot=$PWD/$sysroot" "-p:BrambleSqliteArchive=$PWD/$sysroot/usr/lib/$triplet/libsqlite3.a")
fi
"$dotnet" publish src/Bramble -c Release -r "$rid" -o "$out" --nologo -v q "${options[@]}"
echo "$out/bramble: $(($(stat -c %s "$out/bramble") / 1024)) KiB"
