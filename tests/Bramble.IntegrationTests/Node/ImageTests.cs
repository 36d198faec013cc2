using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>Where images come from: a registry with and without credentials, the machine itself, nowhere.</summary>
public sealed class ImageTests(SharedCluster shared)
{
    private readonly Cluster cluster = shared.Cluster;

    [Fact]
    public async Task Pull_policies_and_failures()
    {
        await using var registry = new Registry();
        await registry.Trust(cluster.Host);
        var space = await cluster.NewNamespace("images");
        foreach (var (name, image, policy) in ((string, string, string)[])
            [("pulled", $"{registry.Name}/busybox:one", "IfNotPresent"), ("tagless", $"{registry.Name}/busybox", ""), ("none", $"{registry.Name}/busybox:missing", ""),
             ("never", "busybox:absent", "Never"), ("bad", "Not//An:Image", ""), ("denied", $"{registry.Name}/private/busybox:one", "")])
        {
            await cluster.KubectlWithInput($$"""
                apiVersion: v1
                kind: Pod
                metadata: {name: {{name}} }
                spec:
                  terminationGracePeriodSeconds: 0
                  containers: [{name: main, image: "{{image}}", command: [sleep, "1000000"]{{(policy.Length > 0 ? ", imagePullPolicy: " + policy : "")}} }]
                """, "-n", space, "apply", "-f", "-");
        }
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/pulled", "pod/tagless", "--timeout=60s");
        Assert.Matches("^Pulled Successfully pulled image \"" + registry.Name + "/busybox:one\" in [0-9.]+m?s \\([0-9.]+m?s including waiting\\)\\. Image size: [0-9]+ bytes\\.$", await Events(space, "pulled", "Pulled"));
        Assert.Contains(registry.Requests, request => request.EndsWith("/v2/busybox/manifests/latest", StringComparison.Ordinal));

        Assert.Equal("ErrImageNeverPull Container image \"busybox:absent\" is not present with pull policy of Never", await Waiting(space, "never", "ErrImageNeverPull"));
        Assert.Equal("InvalidImageName Failed to apply default image tag \"Not//An:Image\": couldn't parse image name \"Not//An:Image\": invalid reference format", await Waiting(space, "bad", "InvalidImageName"));
        var none = await Waiting(space, "none", "ImagePullBackOff");
        Assert.StartsWith($"ImagePullBackOff Back-off pulling image \"{registry.Name}/busybox:missing\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image \"{registry.Name}/busybox:missing\"", none);
        Assert.Contains("401 Unauthorized", await Waiting(space, "denied", "ImagePullBackOff"));

        // The credentials come afterwards: the next try finds them.
        await cluster.Kubectl("-n", space, "create", "secret", "docker-registry", "keys", $"--docker-server={registry.Name}", $"--docker-username={Registry.User}", $"--docker-password={Registry.Password}");
        await cluster.Kubectl("-n", space, "run", "allowed", $"--image={registry.Name}/private/busybox:one", "--overrides={\"spec\":{\"imagePullSecrets\":[{\"name\":\"keys\"}]}}", "--", "sleep", "1000000");
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/allowed", "--timeout=60s");

        // A node's own images are listed with it.
        var images = await cluster.Host.Run("ctr", "-a", "/run/k3s/containerd/containerd.sock", "-n", "k8s.io", "images", "list", "-q");
        Assert.Contains($"{registry.Name}/private/busybox:one", images.Output);
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    private async Task<string> Waiting(string space, string pod, string reason)
    {
        const string State = "{.status.containerStatuses[0].state.waiting.reason} {.status.containerStatuses[0].state.waiting.message}";
        return (await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "pod", pod, "-o", $"jsonpath={State}"), text => text.StartsWith(reason, StringComparison.Ordinal), $"{pod} waits because of {reason}"));
    }

    private Task<string> Events(string space, string pod, string reason) => cluster.Kubectl(
        "-n", space, "get", "events", $"--field-selector=involvedObject.name={pod},reason={reason}", "-o", "jsonpath={range .items[*]}{.reason} {.message}{end}");
}
