using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>Devices of ResourceClaims on a node, from the driver to the container (with containerd 2, which gives devices by CDI).</summary>
public sealed class DeviceTests
{
    [Fact]
    public async Task Containers_have_the_devices_of_their_claims_and_drivers_get_them_back()
    {
        var host = await Containerd2.Up(Environment.GetEnvironmentVariable("BRAMBLE_DEVICES_HOST") ?? "devices", int.Parse(Environment.GetEnvironmentVariable("BRAMBLE_DEVICES_NUMBER") ?? "216"));
        await using var cluster = await Cluster.StartOn(host);
        await using var driver = new DeviceDriver(host);

        await cluster.KubectlWithInput($$"""
            apiVersion: resource.k8s.io/v1
            kind: DeviceClass
            metadata: {name: gpu}
            spec: {extendedResourceName: example.com/gpu, selectors: [{cel: {expression: 'device.driver == "{{DeviceDriver.Name}}"'} }]}
            ---
            apiVersion: resource.k8s.io/v1
            kind: ResourceSlice
            metadata: {name: gpus}
            spec: {driver: {{DeviceDriver.Name}}, nodeName: {{host.Name}}, pool: {name: {{host.Name}}, generation: 1, resourceSliceCount: 1}, devices: [{name: gpu-0}, {name: gpu-1}]}
            ---
            apiVersion: resource.k8s.io/v1
            kind: ResourceClaim
            metadata: {name: shared}
            spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu} }]} }
            ---
            apiVersion: resource.k8s.io/v1
            kind: ResourceClaimTemplate
            metadata: {name: own}
            spec: {spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu} }]} } }
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: one}
            spec:
              terminationGracePeriodSeconds: 1
              resourceClaims: [{name: gpu, resourceClaimTemplateName: own}]
              initContainers: [{name: before, image: "busybox:1", command: [sh, -c, 'echo "$GPU"'], resources: {claims: [{name: gpu}]} }]
              containers:
              - {name: main, image: "busybox:1", command: [sh, -c, 'echo "$GPU $(cat /gpu)"; exec sleep 100000'], resources: {claims: [{name: gpu, request: gpu}]} }
              - {name: without, image: "busybox:1", command: [sh, -c, 'echo "none:$GPU"; exec sleep 100000']}
            """, "apply", "-f", "-");
        // Its driver is not there yet.
        await Eventually.Becomes(() => cluster.Kubectl("get", "events", "-o", "jsonpath={range .items[*]}{.type} {.reason}: {.message}{\"\\n\"}{end}"),
            text => text.Contains($"Warning FailedPrepareDynamicResources: Failed to prepare dynamic resources: prepare dynamic resources: DRA driver {DeviceDriver.Name} is not registered"), "the event");
        await driver.Start();
        await driver.Register();
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/one", "--timeout=60s");
        var own = await cluster.Kubectl("get", "pod", "one", "-o", "jsonpath={.status.resourceClaimStatuses[0].resourceClaimName}");
        Assert.Equal($"of {own}", await cluster.Kubectl("logs", "one", "-c", "before"));
        Assert.Equal($"of {own} {host.Name}", await cluster.Kubectl("logs", "one", "-c", "main"));
        Assert.Equal("none:", await cluster.Kubectl("logs", "one", "-c", "without"));
        await Eventually.Becomes(() => cluster.Kubectl("get", "pod", "one", "-o", "jsonpath={range .status.containerStatuses[0].allocatedResourcesStatus[0]}{.name} {.resources[0].health} {.resources[0].message}{end}"),
            text => text == "claim:gpu/gpu Unhealthy fan stopped", "the device's health");

        // By the name of a resource, as it is asked for where no driver is in between.
        await cluster.KubectlWithInput("""
            apiVersion: v1
            kind: Pod
            metadata: {name: counted}
            spec:
              terminationGracePeriodSeconds: 1
              containers: [{name: main, image: "busybox:1", command: [sh, -c, 'echo "$GPU"; exec sleep 100000'], resources: {limits: {example.com/gpu: 1} } }]
            """, "apply", "-f", "-");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/counted", "--timeout=60s");
        var counted = await cluster.Kubectl("get", "pod", "counted", "-o", "jsonpath={.status.extendedResourceClaimStatus.resourceClaimName}");
        Assert.Equal($"of {counted}", await cluster.Kubectl("logs", "counted"));
        await cluster.Kubectl("delete", "pod", "counted", "--timeout=60s");
        await Eventually.Becomes(() => cluster.Kubectl("get", "resourceclaim", counted, "--ignore-not-found"), text => text.Length == 0, "the claim goes with its pod");

        foreach (var name in (string[])["two", "three"])
        {
            await cluster.KubectlWithInput($$"""
                apiVersion: v1
                kind: Pod
                metadata: {name: {{name}}}
                spec:
                  terminationGracePeriodSeconds: 1
                  resourceClaims: [{name: gpu, resourceClaimName: shared}]
                  containers: [{name: main, image: "busybox:1", command: [sh, -c, 'echo "$GPU"; until [ -e /end ]; do sleep 0.2; done'], resources: {claims: [{name: gpu}]} }]
                """, "apply", "-f", "-");
            await cluster.Kubectl("wait", "--for=condition=Ready", $"pod/{name}", "--timeout=60s");
            Assert.Equal("of shared", await cluster.Kubectl("logs", name));
        }
        List<string> calls = [$"prepare default/{own}", $"prepare default/{counted}", $"unprepare default/{counted}", "prepare default/shared"];
        Assert.Equal(calls, driver.Calls);

        // The node is killed, and its driver with it: what runs goes on, and a container that starts again has its device.
        const string Started = "jsonpath={.items[*].status.containerStatuses[*].containerID}";
        var before = await cluster.Kubectl("get", "pods", "-o", Started);
        await cluster.StopServer("KILL");
        await driver.Kill();
        await cluster.StartServer();
        // The node's Ready is from before.
        await Eventually.Becomes(() => cluster.TryKubectl("exec", "three", "--", "true"), result => result.ExitCode == 0, "the node answers again");
        Assert.Equal(before, await cluster.Kubectl("get", "pods", "-o", Started));
        await cluster.Kubectl("exec", "three", "--", "touch", "/end");
        await Eventually.Becomes(() => cluster.Kubectl("get", "pod", "three", "-o", "jsonpath={.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}"), text => text == "1 true", "it has started again");
        Assert.Equal("of shared", await cluster.Kubectl("logs", "three"));

        // Another pod uses it still: no driver is needed. Its own claim must be taken back first: the pod stays until the driver is there.
        await cluster.Kubectl("delete", "pod", "two", "--timeout=60s");
        await cluster.Kubectl("delete", "pod", "one", "--wait=false");
        await Eventually.Becomes(() => host.Shell("tail -n 50 /run/k3s.log"), log => log.Output.Contains($"DRA driver {DeviceDriver.Name} is not registered"), "the pod waits for the driver");
        Assert.Equal("one three", await cluster.Kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.name}"));
        await driver.StartAgain();
        await cluster.Kubectl("wait", "--for=delete", "pod/one", "--timeout=60s");
        await cluster.Kubectl("delete", "pod", "three", "--timeout=60s");
        Assert.Equal([.. calls, $"unprepare default/{own}", "unprepare default/shared"], driver.Calls);
        await Eventually.Becomes(() => cluster.Kubectl("get", "resourceclaims", "-o", "jsonpath={range .items[*]}{.metadata.name}[{.status.allocation}]{end}"), text => text == "shared[]", "the claims are free");
        // The node's start had removed what no driver stood for.
        Assert.Equal("", await cluster.Kubectl("get", "resourceslices", "-o", "name"));
    }
}
