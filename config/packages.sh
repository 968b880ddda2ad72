#!/bin/sh
# packages.sh - installs the Debian packages that a purpose needs, and nothing else.
#
#   config/packages.sh build     what it takes to compile scaler
#   config/packages.sh demo      build + the server that the quickstart drives
#   config/packages.sh test      build + what the test suite starts
#   config/packages.sh extended  test + the analysers and second compiler of --extended, and
#                                container engines and virtual machines, too large for every run
#                                of the tests
#   config/packages.sh kubernetes  extended + what builds a Kubernetes for its tests
#   config/packages.sh bench     build + the peers that bench/ measures against
#
# Packages that are already there are left alone; when none is missing, neither root
# nor a network is needed. Exit codes: 0 all there, 1 the install failed, 2 usage.
set -eu

build="gcc g++ libc6-dev make cmake pkg-config libgsl-dev libcurl4-openssl-dev libhiredis-dev
       libconfig-dev libuv1-dev libjansson-dev libsqlite3-dev libglib2.0-dev libmicrohttpd-dev
       libical-dev libexpat1-dev libsystemd-dev libvirt-dev libyaml-dev libgnutls28-dev"
demo="redis-server"
test="libcmocka-dev redis-server prometheus openssl curl gnuplot-nox
      dbus systemd-container libvirt-daemon haproxy nginx-light"
extended="clang llvm libclang-rt-14-dev clang-tidy clang-format cppcheck
          podman runc crun conmon docker.io busybox-static
          qemu-system-x86 qemu-utils"
kubernetes="golang-go rsync dpkg-dev etcd-server golang-github-modern-go-reflect2-dev"
bench="redis-server python3-numpy python3-pandas python3-statsmodels r-cran-forecast"

case "${1:-}" in
build) want="$build" ;;
demo) want="$build $demo" ;;
test) want="$build $test" ;;
extended) want="$build $test $extended" ;;
kubernetes) want="$build $test $extended $kubernetes" ;;
bench) want="$build $bench" ;;
*)
    echo "usage: config/packages.sh build|demo|test|extended|kubernetes|bench" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "packages.sh: this is not a Debian system; install the equivalents of:" $want >&2
    exit 1
fi

missing=""
for p in $want; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "packages.sh: run as root, or install yourself: apt-get install$missing" >&2
        exit 1
    fi
    as_root="sudo"
fi

# A package that brings a server must not leave one running on this machine: the demo and
# the tests start their own. policy-rc.d is Debian's own switch for that.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
    trap '$as_root rm -f "$policy"' EXIT
fi

echo "packages.sh: installing$missing" >&2
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update >&2
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing >&2
