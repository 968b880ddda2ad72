#!/bin/sh
# aws.sh - the example config/examples/ec2.cfg as printed, but for where AWS is: against moto's
# server, from the import of what CloudWatch holds to a changed desired capacity.
set -u
command -v moto_server >/dev/null || { echo "skipped: moto_server is not installed"; exit 77; }
command -v curl >/dev/null || { echo "skipped: curl is not installed"; exit 77; }
dir=$(mktemp -d)
moto= scaler=
trap 'kill $moto $scaler 2>/dev/null; wait; rm -rf "$dir"' EXIT
fail() {
    echo "FAILED: $*"
    tail -5 "$dir/moto.log"
    exit 1
}
HOME=$dir PYTHONWARNINGS=ignore
export HOME PYTHONWARNINGS
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION
export AWS_ACCESS_KEY_ID=AKIAX AWS_SECRET_ACCESS_KEY=s3cretkey AWS_EC2_METADATA_DISABLED=true

for port in $(seq $((20000 + $$ % 20000)) 7 60000 | head -20); do
    moto_server -H 127.0.0.1 -p "$port" >"$dir/moto.log" 2>&1 &
    moto=$!
    for _ in $(seq 150); do
        kill -0 $moto 2>/dev/null || break
        curl -sf "http://127.0.0.1:$port/moto-api/data.json" >/dev/null && break 2
        sleep 0.1
    done
done
url=http://127.0.0.1:$port

# aws SERVICE BODY: one call of a query API.
aws() {
    curl -s --aws-sigv4 "aws:amz:eu-central-1:$1" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
        -d "$2" "$url/"
}
group="AutoScalingGroupName=shop&Version=2011-01-01"
aws ec2 "Action=CreateLaunchTemplate&Version=2016-11-15&LaunchTemplateName=shop&LaunchTemplateData.ImageId=ami-12c6146b&LaunchTemplateData.InstanceType=t3.micro" >"$dir/out"
aws autoscaling "Action=CreateAutoScalingGroup&$group&LaunchTemplate.LaunchTemplateName=shop&LaunchTemplate.Version=1&MinSize=1&MaxSize=9&DesiredCapacity=2&AvailabilityZones.member.1=eu-central-1a" >>"$dir/out"
aws autoscaling "Action=DescribeAutoScalingGroups&Version=2011-01-01" | grep -q "shop" ||
    fail "no group: $(cat "$dir/out")"

# Forty minutes of 2000 requests a second, up to the one that is over.
now=$(($(date +%s) / 60 * 60))
words="Action=PutMetricData&Version=2010-08-01&Namespace=AWS/ApplicationELB"
for i in $(seq 40); do
    m="MetricData.member.$i"
    at=$(date -u -d "@$((now - 60 * i))" +%Y-%m-%dT%H:%M:%SZ)
    words="$words&$m.MetricName=RequestCount&$m.Value=120000&$m.Timestamp=$at"
    words="$words&$m.Dimensions.member.1.Name=LoadBalancer"
    words="$words&$m.Dimensions.member.1.Value=app/shop/50dc6c495c0c9188"
done
aws monitoring "$words" >"$dir/out"

sed "s|region = \"eu-central-1\";|& endpoint = \"$url\";|
s|# mode = \"act\";|mode = \"act\";|" "$SCALER_SOURCE_DIR/config/examples/ec2.cfg" >"$dir/a.cfg"
{
    echo "state_dir = \"$dir/state\";"
    echo 'api = { listen = "127.0.0.1:0"; };'
} >>"$dir/a.cfg"
"$SCALER_BIN" import --config "$dir/a.cfg" --service shop --cloudwatch AWS/ApplicationELB \
    --metric RequestCount --dimension LoadBalancer=app/shop/50dc6c495c0c9188 \
    --region eu-central-1 --endpoint "$url" --since 1h >"$dir/out" 2>&1
grep -Eq "^shop: (39|40) samples read, (39|40) cells of 1m written" "$dir/out" ||
    fail "import: $(cat "$dir/out")"
"$SCALER_BIN" check --connect "$dir/a.cfg" >"$dir/out" 2>&1 || fail "check: $(cat "$dir/out")"
grep -q 'ok: source "cloudwatch" (cloudwatch): CloudWatch answers; signed by environment' "$dir/out" &&
    grep -Eq 'ok: load of "shop" \(cloudwatch\): (39|40) of 60 cells .* with 2000 a second' "$dir/out" &&
    grep -q "shop: 2 desired, 2 in service, MinSize 1, MaxSize 9; launch template shop" "$dir/out" &&
    grep -q "limits: max = 40, but never more than the backend's 9 are asked for" "$dir/out" ||
    fail "check: $(cat "$dir/out")"

desired() {
    aws autoscaling "Action=DescribeAutoScalingGroups&Version=2011-01-01" |
        sed -n 's|.*<DesiredCapacity>\([0-9]*\)</DesiredCapacity>.*|\1|p'
}
# A dry run sends nothing.
timeout 8 "$SCALER_BIN" run --dry-run --config "$dir/a.cfg" >"$dir/dry" 2>&1
[ "$(desired)" = 2 ] || fail "a dry run wrote: $(cat "$dir/dry")"
"$SCALER_BIN" run --config "$dir/a.cfg" >"$dir/run" 2>&1 &
scaler=$!
for _ in $(seq 200); do
    [ "$(desired)" = 2 ] || break
    sleep 0.1
done
count=$(desired)
# 2000 a second and some headroom at 400 an instance, within MaxSize
[ "$count" -ge 6 ] && [ "$count" -le 9 ] || fail "$count desired: $(cat "$dir/run")"
for _ in $(seq 50); do
    "$SCALER_BIN" status --config "$dir/a.cfg" >"$dir/out" 2>&1
    grep -q "sent 2 -> $count" "$dir/out" && break
    sleep 0.2
done
grep -q "sent 2 -> $count" "$dir/out" || fail "status: $(cat "$dir/out")"
# The secret is nowhere to be seen.
found=$(grep -rl s3cretkey "$dir")
[ -z "$found" ] || fail "the secret stands in $found"
tr '\0' ' ' <"/proc/$scaler/cmdline" | grep -q s3cretkey && fail "the secret is in the process list"
exit 0
