#!/bin/sh
# Installs the site of this bundle on this machine, or removes it.
set -eu

SITE=@SITE@
VERSION=@VERSION@
PYTHON=@PYTHON@
MACHINE=@MACHINE@
LIBC=@LIBC@
LIBRARIES=@LIBRARIES@
PROGRAMS=@PROGRAMS@
IMAGE=@IMAGE@
BUNDLED=@NAMESPACE@
namespace=$BUNDLED
platform=@PLATFORM@

usage() {
    cat <<END
Usage: $0 [options]
  -p PLATFORM   podman, docker or linux (default: $platform)
  -n NAMESPACE  where to install the site (default: $BUNDLED)
  -d DIRECTORY  copy the links to this site to DIRECTORY/$SITE
  -r, -x        remove the site and all that was installed
  -h            show this text
END
}

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

remove='' links=''
while getopts 'p:n:d:rxh' option; do
    case $option in
        p) platform=$OPTARG ;;
        n) namespace=$OPTARG ;;
        d) links=$OPTARG ;;
        r | x) remove=yes ;;
        h) usage && exit 0 ;;
        *) usage >&2 && exit 2 ;;
    esac
done
case $platform in
    linux | podman | docker) ;;
    *) fail "platform \"$platform\" not supported" ;;
esac
case $namespace in
    '' | -* | *- | *[!a-z0-9-]*) fail "namespace is not valid: $namespace" ;;
esac

if [ "$(id -u)" = 0 ]; then
    home=/var/lib/skupper
else
    home=${XDG_DATA_HOME:-$HOME/.local/share}/skupper
fi
root=$home/namespaces/$namespace
programs=$home/programs/$namespace
skupper=$programs/bin/skupper

# --- what this machine must have

find_python() {
    for one in "python$PYTHON" python3; do
        if "$one" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$PYTHON')" 2>/dev/null; then
            command -v "$one"
            return
        fi
    done
}

has_libc() {
    found=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d ' ' -f 2)
    [ -n "$found" ] && [ "$(printf '%s\n%s\n' "$LIBC" "$found" | sort -V | head -n 1)" = "$LIBC" ]
}

lacking() {
    python=$(find_python)
    if [ -z "$python" ]; then
        echo "Python $PYTHON (Debian: python$PYTHON)"
    else
        "$python" -c 'import ssl, venv, zipfile' 2>/dev/null || echo "the whole of Python $PYTHON (Debian: python$PYTHON, not only its -minimal)"
    fi
    [ "$(uname -m)" = "$MACHINE" ] || echo "a processor of type $MACHINE; this one is $(uname -m)"
    has_libc || echo "glibc $LIBC or later"
    for pair in $LIBRARIES; do
        PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | grep -q -F "${pair%%:*}" ||
            echo "the library ${pair%%:*} (Debian: ${pair##*:})"
    done
    if [ "$platform" != linux ]; then
        if ! command -v "$platform" >/dev/null; then
            echo "the command $platform"
        elif ! has_image; then
            echo "the image $IMAGE, which $platform cannot pull (from a file: $platform load -i FILE)"
        fi
    fi
}

has_image() {
    "$platform" image inspect "$IMAGE" >/dev/null 2>&1 || "$platform" pull -q "$IMAGE" >/dev/null 2>&1
}

# --- installation

unpack() {
    directory=$(mktemp -d)
    if grep -q -a '^__TARBALL_CONTENT__$' "$0"; then
        sed '1,/^__TARBALL_CONTENT__$/d' "$0" | tar -xz -C "$directory"
        source=$directory
    else
        source=$(cd "$(dirname "$0")" && pwd)
    fi
}

install_programs() {
    mkdir -p "$home/programs"
    "$(find_python)" -m venv --without-pip "$programs"
    place=$("$programs/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
    for wheel in "$source"/wheels/*.whl; do
        "$programs/bin/python" -m zipfile -e "$wheel" "$place"
    done
    for pair in $PROGRAMS; do
        file=$programs/bin/${pair%%=*}
        cat >"$file" <<END
#!/bin/sh
export SKUPPER_ROUTER_IMAGE="\${SKUPPER_ROUTER_IMAGE:-$IMAGE}"
exec "$programs/bin/python" -I -m ${pair##*=} "\$@"
END
        chmod 755 "$file"
    done
}

# What the user has put there already wins.
install_credentials() {
    for kind in certs issuers; do
        for one in "$source/$BUNDLED/input/$kind"/*; do
            [ -d "$one" ] || continue
            mkdir -p "$root/input/$kind"
            [ -e "$root/input/$kind/${one##*/}" ] || cp -Rp "$one" "$root/input/$kind/"
        done
    done
}

undo() {
    [ ! -x "$skupper" ] || PATH=$programs/bin:$PATH "$skupper" system stop -n "$namespace" -p "$platform" >/dev/null 2>&1 || true
    rm -rf "$programs" "$home/namespaces/.$namespace.lock" "$directory"
    [ -n "$existed" ] || rm -rf "$root"
    rmdir "$home/programs" "$home/namespaces" "$home" 2>/dev/null || true
}

copy_links() {
    mkdir -p "$links/$SITE"
    cp "$root"/runtime/links/*.yaml "$links/$SITE/" 2>/dev/null || fail "Site \"$SITE\" is not enabled for link access"
    echo "Links to this site have been written to: $links/$SITE"
}

install_site() {
    found=$(lacking)
    [ -z "$found" ] || fail "This machine lacks:
$(printf '%s\n' "$found" | sed 's/^/  /')"
    [ ! -e "$root/runtime" ] && [ ! -e "$root/input/resources" ] && [ ! -e "$programs" ] ||
        fail "Namespace \"$namespace\" is in use already; remove its site, or choose another with -n"
    existed='' directory=''
    [ ! -e "$root" ] || existed=yes
    trap undo EXIT
    unpack
    install_programs
    install_credentials
    PATH=$programs/bin:$PATH "$skupper" system setup --path "$source/$BUNDLED/input/resources" -n "$namespace" -p "$platform"
    trap - EXIT
    rm -rf "$directory"
    cat <<END
Namespace:  $namespace
Site name:  $SITE
Platform:   $platform
Definition: $root/input/resources
Version:    $VERSION
Programs:   $programs/bin
Site "$SITE" is now running on namespace "$namespace"
END
}

remove_site() {
    [ -d "$root" ] || fail "Namespace \"$namespace\" does not exist"
    [ -d "$root/runtime" ] || fail "Namespace \"$namespace\" is not initialized"
    [ -e "$root/runtime/resources/Site-$SITE.yaml" ] || fail "Site \"$SITE\" is not defined on namespace \"$namespace\""
    [ -x "$skupper" ] || fail "Namespace \"$namespace\" was not installed by a bundle: use skupper system stop"
    platform=$(sed -n 's/^platform: *//p' "$root/internal/platform.yaml")
    PATH=$programs/bin:$PATH "$skupper" system stop -n "$namespace" -p "$platform"
    rm -rf "$programs" "$home/namespaces/.$namespace.lock"
    rmdir "$home/programs" "$home/namespaces" "$home" 2>/dev/null || true
}

if [ -n "$remove" ]; then
    remove_site
elif [ -n "$links" ] && [ -d "$root/runtime" ]; then
    copy_links
else
    install_site
    [ -z "$links" ] || copy_links
fi
exit 0
