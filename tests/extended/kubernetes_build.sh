#!/bin/sh
# kubernetes_build.sh - builds a Kubernetes control plane and a hollow kubelet from Debian's source
# package into the folder that SCALER_KUBE_CACHE names, once: DIR/bin. The tests against a real API
# server use it, and are skipped without it.
#
#   config/packages.sh kubernetes
#   SCALER_KUBE_CACHE=DIR tests/extended/kubernetes_build.sh      about ten minutes, 2 GB meanwhile
#
# Exit codes: 0 it is there, 77 no folder is named, else it could not be built.
set -eu
if [ -z "${SCALER_KUBE_CACHE:-}" ]; then
    echo "skipped: SCALER_KUBE_CACHE names no folder for a built Kubernetes"
    exit 77
fi
mkdir -p "$SCALER_KUBE_CACHE"
cache=$(cd "$SCALER_KUBE_CACHE" && pwd)
programs="kube-apiserver kube-controller-manager kube-scheduler kubemark"

for p in $programs; do
    [ -x "$cache/bin/$p" ] || missing=yes
done
[ "${missing:-}" = yes ] || exit 0

reflect=/usr/share/gocode/src/github.com/modern-go/reflect2
for tool in go rsync make dpkg-source etcd "$reflect"; do
    if ! command -v "$tool" >/dev/null 2>&1 && [ ! -d "$tool" ]; then
        echo "kubernetes_build.sh: $tool is missing: config/packages.sh kubernetes" >&2
        exit 1
    fi
done

# The sources come from where the machine's packages do. The list goes into a folder of its own:
# the machine's stays as it is.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' | awk '$2 == "bookworm" && $3 == "main" { print $1; exit }')
[ -n "$mirror" ] || { echo "kubernetes_build.sh: apt knows no main of bookworm" >&2; exit 1; }
work=$cache/work
rm -rf "$work"
mkdir -p "$work/lists/partial" "$work/tmp" "$work/go/src/k8s.io" "$cache/bin"
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
    "$mirror bookworm main" >"$work/sources.list"
apt="-o Dir::Etc::sourcelist=$work/sources.list -o Dir::Etc::sourceparts=/dev/null
     -o Dir::State::lists=$work/lists -o Dir::Cache=$work/tmp -o APT::Sandbox::User=root"
apt-get -q $apt update
(cd "$work" && apt-get -q $apt source --download-only kubernetes && dpkg-source -x kubernetes_*.dsc k)
tree=$work/go/src/k8s.io/kubernetes
mv "$work/k" "$tree"

# The vendored library fails under this compiler: the server would end at its start.
rm -rf "$tree/vendor/github.com/modern-go/reflect2"
cp -rL "$reflect" "$tree/vendor/github.com/modern-go/reflect2"
# The hollow kubelet listens on all addresses, and has no option for another.
sed -i 's/c.Address = "0.0.0.0"/c.Address = "127.0.0.1"/' "$tree/pkg/kubemark/hollow_kubelet.go"

what=""
for p in $programs; do
    what="$what cmd/$p"
done
(cd "$tree" && GOPATH=$work/go GO111MODULE=off CGO_ENABLED=0 GOCACHE=$work/cache TMPDIR=$work/tmp \
    KUBE_GIT_VERSION=v1.20.2 make WHAT="$what")
for p in $programs; do
    cp "$tree/_output/local/bin/linux/$(go env GOARCH)/$p" "$cache/bin/"
done
chmod -R u+w "$work"
rm -rf "$work"
