using System.Text.Json.Nodes;
using Bramble.ApiServer.Admission.PodSecurity;

namespace Bramble.ApiServer.Tests.Admission;

public sealed class PodSecurityTests
{
    private const string Escalation = "allowPrivilegeEscalation != false (container \"c\" must set securityContext.allowPrivilegeEscalation=false)";
    private const string Capabilities = "unrestricted capabilities (container \"c\" must set securityContext.capabilities.drop=[\"ALL\"])";
    private const string NonRoot = "runAsNonRoot != true (pod or container \"c\" must set securityContext.runAsNonRoot=true)";
    private const string Seccomp = "seccompProfile (pod or container \"c\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")";

    public static TheoryData<string, string, string, string> Cases => new()
    {
        { "a plain pod passes the baseline", "baseline", """{"containers":[{"name":"c"}]}""", "" },
        {
            "host namespaces, ports, paths and privileges break it", "baseline",
            """{"hostNetwork":true,"hostPID":true,"volumes":[{"name":"h","hostPath":{"path":"/x"}}],"containers":[{"name":"c","securityContext":{"privileged":true},"ports":[{"hostPort":1}]}]}""",
            "host namespaces (hostNetwork=true, hostPID=true), hostPath volumes (volume \"h\"), hostPort (container \"c\" uses hostPort 1), privileged (container \"c\" must not set securityContext.privileged=true)"
        },
        { "a plain pod breaks restricted four times", "restricted", """{"containers":[{"name":"c"}]}""", $"{Escalation}, {Capabilities}, {NonRoot}, {Seccomp}" },
        {
            "root is named too", "restricted", """{"containers":[{"name":"c","securityContext":{"runAsUser":0}}]}""",
            $"{Escalation}, {Capabilities}, {NonRoot}, runAsUser=0 (container \"c\" must not set runAsUser=0), {Seccomp}"
        },
        {
            "a user namespace may be root, but not unmask proc", "restricted", """{"hostUsers":false,"containers":[{"name":"c","securityContext":{"procMount":"Unmasked"}}]}""",
            $"{Escalation}, {Capabilities}, procMount (container \"c\" must not set securityContext.procMount to \"Unmasked\"), {Seccomp}"
        },
        {
            "a well-behaved pod passes restricted", "restricted",
            """{"securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}},"containers":[{"name":"c","securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}""", ""
        },
    };

    [Theory, MemberData(nameof(Cases))]
    public void Standards_say_what_is_wrong(string about, string level, string spec, string violations)
    {
        var policy = NamespacePolicy.Read(new JsonObject { ["pod-security.kubernetes.io/enforce"] = level }, NamespacePolicy.Privileged).Enforce;
        Assert.True(string.Join(", ", PodSecurityStandard.Evaluate(policy, null, JsonNode.Parse(spec)!.AsObject())) == violations, about);
    }

    [Fact]
    public void An_older_version_knows_fewer_sysctls()
    {
        var spec = JsonNode.Parse("""{"securityContext":{"sysctls":[{"name":"net.ipv4.tcp_rmem","value":"1"}]},"containers":[]}""")!.AsObject();
        List<Violation> At(string version) => PodSecurityStandard.Evaluate(
            NamespacePolicy.Read(new JsonObject { ["pod-security.kubernetes.io/enforce"] = "baseline", ["pod-security.kubernetes.io/enforce-version"] = version }, NamespacePolicy.Privileged).Enforce, null, spec);
        Assert.Single(At("v1.31"));
        Assert.Empty(At("v1.32"));
        Assert.Empty(At("latest"));
    }

    [Fact]
    public void A_label_that_cannot_be_read_is_an_error_and_enforces_restricted()
    {
        var policy = NamespacePolicy.Read(new JsonObject { ["pod-security.kubernetes.io/enforce"] = "strict" }, NamespacePolicy.Privileged);
        Assert.Equal("restricted:latest", policy.Enforce.ToString());
        Assert.Equal("metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"strict\": must be one of privileged, baseline, restricted", Assert.Single(policy.Errors).ToString());
        Assert.Equal("privileged:latest", policy.Warn.ToString());
    }
}
