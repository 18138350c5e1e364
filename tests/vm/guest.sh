#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the guest's making: kernel, initramfs and our probe program, in the folder build/vm.
#
# usage: guest.sh [--probe-only]
# The kernel is Debian's current cloud kernel, from the machine's own package sources, unpacked and never installed.
# What is there already is kept: a kernel for good (remove build/vm to get a newer one), the probe program and the
# initramfs until one of their sources changes. Two runs at the same time wait for each other; what a running guest
# was started from is replaced by a move, never written over.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(cd "$here/../.." && pwd)/build/vm

# In the order in which the guest loads them.
modules=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover virtio_net)

die() {
    echo "guest: $*" >&2
    exit 1
}

# True when TARGET is there and no older than each of the other files.
is_newest() {
    local target=$1 file
    shift
    [ -e "$target" ] || return 1
    for file in "$@"; do
        [ ! "$file" -nt "$target" ] || return 1
    done
}

build_probe() {
    is_newest "$out/probe" "$here"/probe/*.[ch] && return 0
    "${CC:-gcc}" -std=c11 -D_GNU_SOURCE -O2 -static -Wall -Wextra -Wshadow -Wmissing-prototypes -Wformat=2 -Werror \
        -o "$work/probe" "$here"/probe/*.c
    mv "$work/probe" "$out/probe"
}

# Prints the name of the package that holds the current cloud kernel.
kernel_package() {
    apt-cache depends linux-image-cloud-amd64 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*-cloud-amd64\)$/\1/p' | head -n 1
}

# Downloads a package of this machine's release to the current folder; a list that is out of date is renewed once.
download() {
    apt-get -qq -o APT::Sandbox::User=root download "$1" 2>/dev/null && return 0
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    apt-get -qq -o APT::Sandbox::User=root download "$1"
}

# Unpacks a package to the folder $work/NAME.
unpack() {
    mkdir -p "$work/deb-$2"
    (cd "$work/deb-$2" && download "$1" && dpkg-deb -x ./*.deb "$work/$2")
}

fetch_kernel() {
    local package
    [ -s "$out/vmlinuz" ] && [ -s "$out/modules/virtio_net.ko" ] && return 0
    package=$(kernel_package)
    if [ -z "$package" ]; then
        apt-get -qq -o DPkg::Lock::Timeout=300 update
        package=$(kernel_package)
    fi
    [ -n "$package" ] || die "no package linux-image-*-cloud-amd64 in this machine's sources"
    echo "guest: fetching $package"
    unpack "$package" kernel
    mkdir "$work/modules"
    for module in "${modules[@]}"; do
        find "$work/kernel/lib/modules" -name "$module.ko" -exec cp {} "$work/modules/" \;
        [ -s "$work/modules/$module.ko" ] || die "$package has no module $module"
    done
    printf '%s\n' "${modules[@]}" >"$work/modules/order"
    rm -rf "$out/modules"
    mv "$work/modules" "$out/modules"
    cp "$work"/kernel/boot/vmlinuz-* "$work/vmlinuz"
    mv "$work/vmlinuz" "$out/vmlinuz"
}

# Prints a busybox that needs no library: the installed one, or the package's.
static_busybox() {
    local installed
    installed=$(command -v busybox || true)
    if [ -n "$installed" ] && ! ldd "$installed" >/dev/null 2>&1; then
        echo "$installed"
        return 0
    fi
    unpack busybox-static busybox >&2
    find "$work/busybox" -type f -name busybox
}

build_initramfs() {
    local root=$work/root applet
    is_newest "$out/initramfs" "$out/probe" "$out/vmlinuz" "$here/init" "$here/guest.sh" && return 0
    mkdir -p "$root"/{bin,dev,proc}
    cp "$(static_busybox)" "$root/bin/busybox"
    for applet in sh mount insmod ip cat; do
        ln -s busybox "$root/bin/$applet"
    done
    cp -r "$out/modules" "$root/modules"
    cp "$out/probe" "$root/probe"
    cp "$here/init" "$root/init"
    chmod 755 "$root/init"
    (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 >"$work/initramfs")
    mv "$work/initramfs" "$out/initramfs"
}

mkdir -p "$out"
exec 9>"$out/.lock"
flock 9
work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
build_probe
if [ "${1:-}" != --probe-only ]; then
    fetch_kernel
    build_initramfs
fi
