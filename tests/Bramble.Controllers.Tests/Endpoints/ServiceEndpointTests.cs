using Bramble.Controllers.Endpoints;
using k8s.Models;
using static Bramble.Controllers.Tests.Some;

namespace Bramble.Controllers.Tests.Endpoints;

public sealed class ServiceEndpointTests
{
    /// <param name="expected">ready, serving, terminating; empty: not behind the Service.</param>
    [Theory]
    [InlineData("ready", "Running", true, false, false, "True True False")]
    [InlineData("not ready", "Running", false, false, false, "False False False")]
    [InlineData("not ready, and all are wanted", "Running", false, false, true, "True False False")]
    [InlineData("going, but it still answers", "Running", true, true, false, "False True True")]
    [InlineData("going, and all are wanted", "Running", false, true, true, "True False True")]
    [InlineData("Pending says nothing", "Pending", true, false, false, "True True False")]
    [InlineData("nor does Unknown", "Unknown", true, false, false, "True True False")]
    [InlineData("finished, whoever is wanted", "Succeeded", true, false, true, "")]
    [InlineData("failed", "Failed", true, false, true, "")]
    public void State(string because, string phase, bool isReady, bool isGoing, bool wantsAll, string expected)
    {
        Assert.NotEmpty(because);
        var service = Model<V1Service>($$$"""{"metadata":{"name":"s"},"spec":{"publishNotReadyAddresses":{{{(wantsAll ? "true" : "false")}}}}}""");
        var pod = Pod("p", phase, isReady ? Noon : null, isGoing, status: ",\"podIPs\":[{\"ip\":\"10.0.0.1\"}]");
        Assert.Equal(expected, string.Join(' ', ServiceEndpoints.Of(service, [pod], "IPv4", _ => null).Select(e => $"{e.IsReady} {e.IsServing} {e.IsTerminating}")));
    }

    [Theory]
    [InlineData("its own family's", "IPv4", "10.0.0.1 fd00::1", "10.0.0.1")]
    [InlineData("wherever it is", "IPv6", "10.0.0.1 fd00::1", "fd00::1")]
    [InlineData("in the usual form", "IPv6", "FD08::5678:0000:0000:9abc:def0", "fd08::5678:0:0:9abc:def0")]
    [InlineData("none of it", "IPv6", "10.0.0.1", "")]
    [InlineData("none yet", "IPv4", "", "")]
    public void Address(string because, string family, string ips, string expected)
    {
        Assert.NotEmpty(because);
        var service = Model<V1Service>("""{"metadata":{"name":"s"},"spec":{}}""");
        var pod = Pod("p", ready: Noon, status: $",\"podIPs\":[{string.Join(',', ips.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(ip => $"{{\"ip\":\"{ip}\"}}"))}]");
        Assert.Equal(expected, string.Join(' ', ServiceEndpoints.Of(service, [pod], family, _ => null).Select(e => e.Address)));
    }

    [Theory]
    [InlineData("a number", "8080", "8080")]
    [InlineData("a name", "\"web\"", "81")]
    [InlineData("the first container that has the name", "\"both\"", "82")]
    [InlineData("a sidecar's", "\"side\"", "83")]
    [InlineData("not an init container's", "\"init\"", "")]
    [InlineData("not of another protocol", "\"dns\"", "")]
    [InlineData("not a name that nobody has", "\"other\"", "")]
    public void Target_port(string because, string target, string expected)
    {
        Assert.NotEmpty(because);
        var service = Model<V1Service>($$$"""{"metadata":{"name":"s"},"spec":{"ports":[{"port":80,"protocol":"TCP","targetPort":{{{target}}}}]}}""");
        var pod = Pod("p", ready: Noon, status: ",\"podIPs\":[{\"ip\":\"10.0.0.1\"}]", spec: """
            "containers":[{"name":"a","ports":[{"name":"web","containerPort":81},{"name":"both","containerPort":82},{"name":"dns","containerPort":53,"protocol":"UDP"}]}],
            "initContainers":[{"name":"s","restartPolicy":"Always","ports":[{"name":"side","containerPort":83},{"name":"both","containerPort":84}]},{"name":"i","ports":[{"name":"init","containerPort":85}]}]
            """);
        Assert.Equal(expected, string.Join(' ', ServiceEndpoints.Of(service, [pod], "IPv4", _ => null).Single().Ports.Select(p => p.Port)));
    }
}
