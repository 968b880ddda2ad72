#!/bin/sh
# libvirt_world.sh DIR - a libvirtd of its own, with QEMU, and a guest for it: what
# integration/test_libvirt_qemu.c starts. Ends as libvirtd does; exit code 77: cannot run here.
#
# DIR/libvirt-sock answers once all is there. Beside it: vmlinuz and initrd of a guest that serves
# HTTP on port 80, ends by the ACPI button or by its guest agent, and tells what is on its disk.
# A kernel of Debian's is downloaded, not installed. All paths of libvirt are in DIR, by a mount
# namespace of its own.
set -eu
dir=$1
skip() {
    echo "skipped: $*" >&2
    exit 77
}
[ "$(id -u)" -eq 0 ] || skip "needs root"
for p in libvirtd qemu-system-x86_64 qemu-img busybox dpkg-deb apt-get apt-cache unshare; do
    command -v "$p" >/dev/null 2>&1 || skip "no $p (config/packages.sh extended)"
done

# --- the guest ---
cd "$dir"
mkdir -p download/kernel download/agent guest/bin guest/sbin guest/www \
    guest/dev guest/proc guest/sys guest/run guest/mod guest/var/run
fetch() { # PACKAGE FOLDER
    (cd download && apt-get -q download "$1" >/dev/null 2>&1) || skip "cannot download $1"
    dpkg-deb -x download/"$1"_*.deb "download/$2"
}
kernel=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
    sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -1)
[ -n "$kernel" ] || skip "no kernel package linux-image-cloud-amd64"
fetch "$kernel" kernel
cp download/kernel/boot/vmlinuz-* vmlinuz
modules="failover net_failover virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev
         virtio_pci virtio_net virtio_blk virtio_console evdev button"
for m in $modules; do
    cp "$(find download/kernel/lib/modules -name "$m.ko")" guest/mod/
done
cp -L "$(command -v busybox)" guest/bin/busybox
for a in sh mount insmod ip httpd poweroff dd sleep; do
    ln -sf busybox "guest/bin/$a"
done
has_agent=no
if (fetch qemu-guest-agent agent) 2>/dev/null; then
    cp download/agent/usr/sbin/qemu-ga guest/bin/
    libraries=$(LD_TRACE_LOADED_OBJECTS=1 download/agent/usr/sbin/qemu-ga 2>/dev/null |
        grep -o '/[^ ]*' || true)
    if ! LD_TRACE_LOADED_OBJECTS=1 download/agent/usr/sbin/qemu-ga 2>/dev/null |
        grep -q 'not found'; then
        for l in $libraries; do
            mkdir -p "guest$(dirname "$l")"
            cp -L "$l" "guest$l"
        done
        has_agent=yes
    fi
fi
echo "$has_agent" >has_agent
printf '#!/bin/sh\npoweroff -f\n' >guest/sbin/shutdown
cat >guest/init <<'GUEST'
#!/bin/sh
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for m in failover net_failover virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev \
    virtio_pci virtio_net virtio_blk virtio_console evdev button; do
    insmod /mod/$m.ko
done
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
dd if=/dev/vda of=/www/index.html bs=64 count=1
echo "written by a guest" | dd of=/dev/vda bs=64 conv=notrunc
for button in /dev/input/event*; do
    (dd if="$button" of=/dev/null bs=24 count=1 && poweroff -f) &
done
for port in /dev/vport*; do
    [ -x /bin/qemu-ga ] && [ -e "$port" ] && qemu-ga -m virtio-serial -p "$port" &
done
httpd -h /www
exec sleep 100000
GUEST
chmod 755 guest/init guest/sbin/shutdown
(cd guest && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >initrd
rm -rf download guest

# --- libvirtd ---
mkdir -p etc lib run cache log
cat >etc/qemu.conf <<'CONF'
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
remember_owner = 0
CONF
cat >libvirtd.conf <<CONF
unix_sock_dir = "$dir"
unix_sock_rw_perms = "0700"
auth_unix_rw = "none"
auth_unix_ro = "none"
CONF
# The driver looks its own user up, whom another package makes, before it reads qemu.conf.
(cat /etc/passwd; grep -q '^libvirt-qemu:' /etc/passwd ||
    echo "libvirt-qemu:x:64055:64055::/nonexistent:/bin/false") >passwd
(cat /etc/group; grep -q '^libvirt-qemu:' /etc/group || echo "libvirt-qemu:x:64055:"
    grep -q '^kvm:' /etc/group || echo "kvm:x:64054:") >group
mkdir -p drivers
for d in qemu storage; do
    ln -sf "$(dpkg -L libvirt-daemon libvirt-daemon-driver-qemu |
        grep "/libvirt_driver_$d.so$")" drivers/
done
mkdir -p /etc/libvirt /var/lib/libvirt /run/libvirt /var/cache/libvirt /var/log/libvirt
LIBVIRT_DRIVER_DIR=$dir/drivers exec unshare --mount sh -c '
    mount --make-rprivate /
    for p in etc:/etc/libvirt lib:/var/lib/libvirt run:/run/libvirt cache:/var/cache/libvirt \
        log:/var/log/libvirt passwd:/etc/passwd group:/etc/group; do
        mount --bind "$0/${p%%:*}" "${p#*:}" || exit 77
    done
    exec libvirtd --config "$0/libvirtd.conf" -p "$0/libvirtd.pid"' "$dir"
