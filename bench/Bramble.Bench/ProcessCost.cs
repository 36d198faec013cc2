using System.Globalization;
using Bramble.IntegrationTests.Support;

namespace Bramble.Bench;

/// <summary>What processes of a test host cost, read from its /proc.</summary>
/// <param name="ResidentKb">RSS, KiB, summed.</param>
/// <param name="ProportionalKb">PSS, KiB, summed: shared pages count once.</param>
/// <param name="CpuTicks">User and system time since their start, in ticks of 10 ms, summed.</param>
/// <param name="Count">How many processes.</param>
internal sealed record ProcessCost(long ResidentKb, long ProportionalKb, long CpuTicks, int Count)
{
    /// <summary>Sums the processes whose command line matches an extended regular expression; none at all is an error.</summary>
    public static async Task<ProcessCost> Of(TestHost host, string pattern, bool mayBeNone = false)
    {
        var text = (await host.Shell($$"""
            n=0 rss=0 pss=0 cpu=0
            for p in /proc/[0-9]*; do
                line=$(tr '\0' ' ' <$p/cmdline 2>/dev/null) || continue
                [[ "$line" =~ {{pattern}} ]] && [[ ! "$line" =~ ^bash ]] || continue
                read -r r s <<<"$(awk '/^Rss:/ { r = $2 } /^Pss:/ { s = $2 } END { print r, s }' $p/smaps_rollup)"
                stat=$(sed 's/.*) //' $p/stat)
                set -- $stat
                n=$((n + 1)) rss=$((rss + r)) pss=$((pss + s)) cpu=$((cpu + ${12} + ${13}))
            done
            echo $n $rss $pss $cpu
            """)).Succeeded();
        var numbers = text.Split(' ').Select(word => long.Parse(word, CultureInfo.InvariantCulture)).ToArray();
        if (numbers[0] == 0 && !mayBeNone) throw new UnexpectedException($"no process matches {pattern}");
        return new ProcessCost(numbers[1], numbers[2], numbers[3], (int)numbers[0]);
    }

    /// <summary>CPU since an earlier reading as a share of one core.</summary>
    public double CoreShareSince(ProcessCost earlier, TimeSpan between) => (CpuTicks - earlier.CpuTicks) / 100.0 / between.TotalSeconds;
}
