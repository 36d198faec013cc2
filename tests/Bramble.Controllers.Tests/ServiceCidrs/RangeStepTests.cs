using Bramble.Controllers.ServiceCidrs;
using k8s.Models;

namespace Bramble.Controllers.Tests.ServiceCidrs;

public sealed class RangeStepTests
{
    private static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);
    private const string Held = "Terminating: There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR";

    /// <param name="gone">How many seconds ago it was told to go; null: it stays.</param>
    /// <param name="cidrs">Of the range.</param>
    /// <param name="others">The other ranges; with a minus sign one that is going.</param>
    /// <param name="addresses">Taken ones; with an exclamation mark one that was not taken for a Service.</param>
    [Theory]
    [InlineData("new", false, null, "10.44.0.0/28", "", "", "protect")]
    [InlineData("protected", true, null, "10.44.0.0/28", "", "10.44.0.3", ": Kubernetes Service CIDR is ready")]
    [InlineData("going, others hold it", false, 60, "10.44.0.0/28", "", "10.44.0.3", "keep")]
    [InlineData("going, an address of it is in use", true, 60, "10.44.0.0/28", "", "10.44.0.3", Held)]
    [InlineData("going, addresses of others are", true, 60, "10.44.0.0/28", "", "10.44.0.99 10.43.0.3", "release")]
    [InlineData("going, what has no Service's address does not hold it", true, 60, "10.44.0.0/28", "", "!10.44.0.3", "release")]
    [InlineData("going, another range has the address too", true, 60, "10.44.0.0/28", "10.44.0.0/24", "10.44.0.3", "release")]
    [InlineData("going, the other range goes too", true, 60, "10.44.0.0/28", "-10.44.0.0/24", "10.44.0.3", Held)]
    [InlineData("going, the other range gives no Service this address", true, 60, "10.44.0.0/28", "10.44.0.3/32", "10.44.0.3", Held)]
    [InlineData("going, of two families one is in use", true, 60, "10.44.0.0/28 fd44::/112", "", "fd44::3", Held)]
    [InlineData("going, one family has another range", true, 60, "10.44.0.0/28 fd44::/112", "10.44.0.0/24", "10.44.0.3 fd44::3", Held)]
    [InlineData("going, both families have another range", true, 60, "10.44.0.0/28 fd44::/112", "10.44.0.0/24 fd44::/64", "10.44.0.3 fd44::3", "release")]
    [InlineData("an address may be being taken this moment", true, 3, "10.44.0.0/28", "", "", "wait 7")]
    [InlineData("after ten seconds none is", true, 10, "10.44.0.0/28", "", "", "release")]
    [InlineData("a clock that was set back", true, -3600, "10.44.0.0/28", "", "", "wait 10")]
    public void Decide(string because, bool isProtected, int? gone, string cidrs, string others, string addresses, string expected)
    {
        Assert.NotEmpty(because);
        var range = Range("r", cidrs, gone, isProtected);
        var index = 0;
        List<V1ServiceCIDR> ranges = [range, .. Words(others).Select(o => Range($"o{index++}", o.TrimStart('-'), o[0] == '-' ? 1 : null, true))];
        var taken = Words(addresses).Select(a => Some.Model<V1IPAddress>(
            $$$"""{"metadata":{"name":"{{{a.TrimStart('!')}}}","labels":{"ipaddress.kubernetes.io/managed-by":"{{{(a[0] == '!' ? "someone" : "ipallocator.k8s.io")}}}"} } }"""));
        Assert.Equal(expected, RangeStep.Decide(range, ranges, taken, Noon) switch
        {
            RangeStep.Keep => "keep",
            RangeStep.Protect => "protect",
            RangeStep.Release => "release",
            RangeStep.Wait(var delay) => $"wait {delay.TotalSeconds}",
            RangeStep.Tell tell => $"{tell.Reason}: {tell.Message}",
            _ => "?",
        });
    }

    private static V1ServiceCIDR Range(string name, string cidrs, int? gone, bool isProtected) => Some.Model<V1ServiceCIDR>($$$"""
        {"metadata":{"name":"{{{name}}}","finalizers":["{{{(isProtected ? "networking.k8s.io/service-cidr-finalizer" : "example.com/keep")}}}"]{{{(gone is { } ago ? $",\"deletionTimestamp\":\"{Noon.AddSeconds(-ago):yyyy-MM-ddTHH:mm:ssZ}\"" : "")}}} },
         "spec":{"cidrs":[{{{string.Join(',', Words(cidrs).Select(c => $"\"{c}\""))}}}]} }
        """);

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
