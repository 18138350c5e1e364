#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Owns the machine's set-up: installs the Debian packages that are missing and fetches lwIP's source.
#
# Run it as root on Debian 12; a second run finds everything and calls no package tool at all. The system's own
# package lists and sources are left as they are: lwIP comes from the next Debian release, so its source package is
# fetched by an apt whose state, cache and source list lie in build/apt, while proxy and other settings in
# /etc/apt/apt.conf.d go on to hold. The mirror is the one that this machine already uses. Debian's archive keyring
# verifies the release file, and the tarball must have the hash below. The upstream tarball is unpacked as it is,
# without Debian's patches, into build/lwip.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

packages=(
    gcc libc6-dev clang libclang-rt-14-dev clang-format cmake ninja-build pkg-config make git dpkg-dev
    libuv1-dev liblmdb-dev libinih-dev libmbedtls-dev libcmocka-dev libjansson-dev
    iproute2 iputils-ping tcpdump tshark ethtool nftables iperf3 procps util-linux
    qemu-system-x86 seabios ipxe-qemu busybox-static cpio kmod xz-utils
    python3 python3-scapy openssl jq ca-certificates debian-archive-keyring
)

lwip_version=2.2.1
lwip_suite=trixie
lwip_sha256=83729c274c499d3348e9fbbe043a3113f3fa8953e7efddc7c21c7fcbb1f2b7b1
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() {
    echo "setup: $*" >&2
    exit 1
}

# Prints those of the packages named that are not installed.
missing_packages() {
    local installed
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p') || true
    printf '%s\n' "$@" | grep -vxF -f <(printf '%s\n' "$installed" | sed '/^$/d') || true
}

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "${packages[@]}")
    if [ "${#missing[@]}" -eq 0 ]; then
        return 0
    fi
    echo "setup: installing ${missing[*]}"
    [ "$(id -u)" -eq 0 ] || die "must be root to install packages"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q -o DPkg::Lock::Timeout=300 update
    apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}"
}

# Prints the mirrors from which this machine takes its own Debian release, the likeliest first, whatever the format of
# its source files: apt's own reader does the parsing. A third party's repository may carry Debian's code name too, so
# one that also serves the release's updates goes first.
release_mirrors() {
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
    apt-get indextargets --no-release-info --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk -v name="$codename" '
            { sub("/+$", "", $3) }
            $2 != "main" || $3 ~ /^cdrom:/ { next }
            $1 == name "-updates" || $1 == "stable-updates" || $1 == "oldstable-updates" { updates[$3] = 1 }
            $1 == name || $1 == "stable" || $1 == "oldstable" { if (!($3 in seen)) order[++n] = $3; seen[$3] = 1 }
            END {
                for (i = 1; i <= n; i++) if (order[i] in updates) print order[i]
                for (i = 1; i <= n; i++) if (!(order[i] in updates)) print order[i]
            }'
}

# Downloads a source package of another Debian suite to the current folder by an apt with its own state in STATE.
fetch_source_package() {
    local suite=$1 package=$2 state=$3 mirror options
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/parts"
    touch "$state/status"
    options=(
        -q
        -o "Dir::State=$state" -o "Dir::State::lists=lists" -o "Dir::State::status=$state/status"
        -o "Dir::Cache=$state/cache"
        -o "Dir::Etc::sourcelist=$state/source.list" -o "Dir::Etc::sourceparts=$state/parts"
        -o "APT::Sandbox::User=root" -o "APT::Update::Error-Mode=any"
        -o "Acquire::Languages=none" -o "Acquire::Retries=3"
    )
    while read -r mirror; do
        echo "deb-src [signed-by=$keyring] $mirror $suite main" >"$state/source.list"
        if apt-get "${options[@]}" update && apt-get "${options[@]}" source --download-only "$package"; then
            return 0
        fi
        echo "setup: $mirror did not give $package of $suite" >&2
    done < <(release_mirrors)
    die "no Debian mirror in this machine's package sources gives $package of $suite"
}

fetch_lwip() {
    local tree=$top/build/lwip work=$top/build/apt tarball
    if [ -f "$tree/.sha256" ] && [ "$(cat "$tree/.sha256")" = "$lwip_sha256" ]; then
        return 0
    fi
    echo "setup: fetching lwIP $lwip_version from Debian's source package of $lwip_suite"
    mkdir -p "$work/download"
    (cd "$work/download" && fetch_source_package "$lwip_suite" lwip "$work")
    tarball=$(find "$work/download" -maxdepth 1 -name "lwip_${lwip_version}*.orig.tar.*" ! -name '*.asc' | head -n 1)
    [ -n "$tarball" ] || die "$lwip_suite has no lwIP $lwip_version; give another tree by -DLWIP_DIR="
    echo "$lwip_sha256  $tarball" | sha256sum --check --quiet || die "$tarball is not the lwIP that was expected"
    rm -rf "$tree" "$tree.new"
    mkdir -p "$tree.new"
    tar -xf "$tarball" -C "$tree.new" --strip-components=1
    [ -f "$tree.new/src/core/udp.c" ] || die "$tarball does not look like lwIP"
    echo "$lwip_sha256" >"$tree.new/.sha256"
    mv "$tree.new" "$tree"
}

main() {
    mkdir -p "$top/build"
    exec 9>"$top/build/.setup.lock"
    flock 9
    install_packages
    fetch_lwip
}

# Sourced by another script it only gives its functions.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    main "$@"
fi
