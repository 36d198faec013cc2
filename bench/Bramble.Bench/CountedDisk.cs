using System.Globalization;
using Bramble.IntegrationTests.Support;

namespace Bramble.Bench;

/// <summary>A block device of its own below a host's data directory, so that the bytes written to the disk can be counted, the file system's journal included.</summary>
internal sealed class CountedDisk(TestHost host, string device)
{
    /// <summary>Puts a 2 GiB ext4 file system (a sparse file, a loop device) over /var/lib/rancher of the host.</summary>
    public static async Task<CountedDisk> Mount(TestHost host)
    {
        var device = (await host.Shell("""
            set -e
            truncate -s 2G /var/lib/rancher/disk.img
            mkfs.ext4 -q /var/lib/rancher/disk.img
            device=$(losetup --find --show /var/lib/rancher/disk.img)
            mount "$device" /var/lib/rancher
            # An unmounted loop device goes by itself when the host goes down.
            losetup --detach "$device"
            echo "${device#/dev/}"
            """)).Succeeded();
        return new CountedDisk(host, device);
    }

    /// <summary>Bytes written to the device so far; what is still in the page cache is written first.</summary>
    public async Task<long> WrittenBytes()
    {
        var sectors = (await host.Shell($"sync -f /var/lib/rancher; awk '{{ print $7 }}' /sys/block/{device}/stat")).Succeeded();
        return long.Parse(sectors, CultureInfo.InvariantCulture) * 512;
    }
}
