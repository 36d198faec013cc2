#!/bin/bash
# busybox-image.sh OUT.tar [REF]: an OCI image (one layer) of this machine's busybox-static, without a container engine or a network.
# Each REF has a digest of its own (a label makes it): with one digest under two names a runtime reports either.
set -euo pipefail
out=$(realpath -m "$1") ref=${2:-docker.io/library/busybox:1}
architecture=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/layer/bin" "$work/layer/etc" "$work/layer/tmp" "$work/layer/root" "$work/layer/var/www" "$work/image/blobs/sha256"
chmod 1777 "$work/layer/tmp"
cp "$(command -v busybox)" "$work/layer/bin/busybox"
for applet in $("$work/layer/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$work/layer/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$work/layer/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$work/layer/etc/group"
tar -C "$work/layer" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$work/layer.tar" .
# Moves a file to its place among the blobs and prints its digest.
blob() { local digest; digest=$(sha256sum "$1" | cut -d' ' -f1); mv "$1" "$work/image/blobs/sha256/$digest"; echo "$digest"; }
size() { stat -c %s "$work/image/blobs/sha256/$1"; }
layer=$(blob "$work/layer.tar")
printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["/bin/sh"],"Labels":{"name":"%s"}},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$architecture" "$ref" "$layer" >"$work/config"
config=$(blob "$work/config")
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' \
    "$config" "$(size "$config")" "$layer" "$(size "$layer")" >"$work/manifest"
manifest=$(blob "$work/manifest")
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"platform":{"architecture":"%s","os":"linux"},"annotations":{"io.containerd.image.name":"%s","org.opencontainers.image.ref.name":"%s"}}]}' \
    "$manifest" "$(size "$manifest")" "$architecture" "$ref" "${ref##*:}" >"$work/image/index.json"
echo '{"imageLayoutVersion":"1.0.0"}' >"$work/image/oci-layout"
mkdir -p "$(dirname "$out")"
tar -C "$work/image" --sort=name --mtime=@0 --owner=0 --group=0 -cf "$out" oci-layout index.json blobs
