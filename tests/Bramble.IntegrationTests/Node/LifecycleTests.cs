using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>A pod's life: init containers and sidecars, probes, hooks, restarts with back-off, its end.</summary>
public sealed class LifecycleTests(SharedCluster shared)
{
    private readonly Cluster cluster = shared.Cluster;

    [Fact]
    public async Task Init_containers_run_in_order_and_sidecars_beside_them()
    {
        var space = await cluster.NewNamespace("init");
        await Apply(space, """
            apiVersion: v1
            kind: Pod
            metadata: {name: ordered}
            spec:
              restartPolicy: Never
              terminationGracePeriodSeconds: 5
              volumes: [{name: d, emptyDir: {}}]
              initContainers:
              - {name: one, image: "busybox:1", command: [sh, -c, 'echo one >>/d/log'], volumeMounts: [{name: d, mountPath: /d}]}
              - {name: side, image: "busybox:1", restartPolicy: Always, command: [sh, -c, 'echo side >>/d/log; trap "echo side-ends >>/d/log; exit 0" TERM; touch /d/up; while true; do sleep 0.1; done'],
                 startupProbe: {exec: {command: [test, -f, /d/up]}, periodSeconds: 1}, volumeMounts: [{name: d, mountPath: /d}]}
              - {name: two, image: "busybox:1", command: [sh, -c, 'test -f /d/up && echo two >>/d/log'], volumeMounts: [{name: d, mountPath: /d}]}
              containers:
              - {name: main, image: "busybox:1", command: [sh, -c, 'echo main >>/d/log; cat /d/log'], volumeMounts: [{name: d, mountPath: /d}]}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: stuck}
            spec:
              restartPolicy: Never
              initContainers: [{name: bad, image: "busybox:1", command: [sh, -c, 'echo because >/dev/termination-log; exit 3']}]
              containers: [{name: main, image: "busybox:1", command: [sleep, "1"]}]
            """);
        await Phase(space, "ordered", "Succeeded");
        Assert.Equal("one\nside\ntwo\nmain", await cluster.Kubectl("-n", space, "logs", "ordered", "-c", "main"));
        var side = (await cluster.Get("-n", space, "pod", "ordered"))["status"]!["initContainerStatuses"]![1]!;
        Assert.Equal(0, (int)side["state"]!["terminated"]!["exitCode"]!);

        await Phase(space, "stuck", "Failed");
        var status = (await cluster.Get("-n", space, "pod", "stuck"))["status"]!;
        var bad = status["initContainerStatuses"]![0]!["state"]!["terminated"]!;
        Assert.Equal(("Error", 3, "because\n"), ((string)bad["reason"]!, (int)bad["exitCode"]!, (string)bad["message"]!));
        Assert.Equal("PodInitializing", (string)status["containerStatuses"]![0]!["state"]!["waiting"]!["reason"]!);
        Assert.Equal("Init:Error", (await cluster.Kubectl("-n", space, "get", "pod", "stuck", "--no-headers")).Split(' ', StringSplitOptions.RemoveEmptyEntries)[2]);
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task An_exit_code_restarts_all_containers_of_a_pod_in_its_sandbox()
    {
        var space = await cluster.NewNamespace("all-again");
        await Apply(space, """
            apiVersion: v1
            kind: Pod
            metadata: {name: again}
            spec:
              restartPolicy: Never
              terminationGracePeriodSeconds: 0
              volumes: [{name: d, emptyDir: {}}]
              initContainers: [{name: init, image: "busybox:1", command: [sh, -c, 'echo init >>/d/log'], volumeMounts: [{name: d, mountPath: /d}]}]
              containers:
              - {name: other, image: "busybox:1", command: [sh, -c, 'echo other >>/d/log; sleep 1000000'], volumeMounts: [{name: d, mountPath: /d}]}
              - name: main
                image: busybox:1
                command: [sh, -c, 'until grep -q other /d/log; do sleep 0.1; done; [ "$(grep -c init /d/log)" = 2 ] || exit 42; sleep 1000000']
                restartPolicy: Never
                restartPolicyRules: [{action: RestartAllContainers, exitCodes: {operator: In, values: [42]}}]
                volumeMounts: [{name: d, mountPath: /d}]
            """);
        await Eventually.Becomes(
            async () => await cluster.Kubectl("-n", space, "get", "pod", "again", "-o", "jsonpath={range .status.containerStatuses[*]}{.name} {.restartCount} {.ready} {.lastState.terminated.reason};{end}"),
            answer => answer == "main 1 true RestartingAllContainers;other 1 true RestartingAllContainers;", "both containers run again");
        Assert.Equal("init\nother\ninit\nother", await cluster.Kubectl("-n", space, "exec", "again", "-c", "other", "--", "cat", "/d/log"));
        var status = (await cluster.Get("-n", space, "pod", "again"))["status"]!;
        Assert.Equal("Running", (string)status["phase"]!);
        Assert.Equal(1, (int)status["initContainerStatuses"]![0]!["restartCount"]!);
        Assert.Equal("False", (string)status["conditions"]!.AsArray().Single(c => (string)c!["type"]! == "AllContainersRestarting")!["status"]!);
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task Probes_of_every_kind()
    {
        var space = await cluster.NewNamespace("probes");
        await Apply(space, """
            apiVersion: v1
            kind: Pod
            metadata: {name: probed}
            spec:
              terminationGracePeriodSeconds: 0
              containers:
              - name: http
                image: busybox:1
                command: [sh, -c, 'mkdir /w; echo ok >/w/live; echo born $(cat /proc/sys/kernel/random/uuid); httpd -f -p 8080 -h /w']
                ports: [{name: web, containerPort: 8080}]
                startupProbe: {httpGet: {path: /live, port: web}, periodSeconds: 1}
                livenessProbe: {httpGet: {path: /live, port: web}, periodSeconds: 1, failureThreshold: 2}
                readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1, failureThreshold: 1}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: others}
            spec:
              terminationGracePeriodSeconds: 0
              containers:
              - {name: tcp, image: "busybox:1", command: [sh, -c, 'exec httpd -f -p 9000'], readinessProbe: {tcpSocket: {port: 9000}, periodSeconds: 1}}
              - {name: exec, image: "busybox:1", command: [sleep, "1000000"], readinessProbe: {exec: {command: [test, -f, /tmp/ready]}, periodSeconds: 1}}
              - {name: never, image: "busybox:1", command: [sleep, "1000000"], startupProbe: {exec: {command: ["false"]}, periodSeconds: 1, failureThreshold: 2}}
            """);
        await Eventually.Becomes(() => Statuses(space, "probed"), text => text.Contains("http true False"), "http has started and is not ready");
        await Eventually.Becomes(() => Statuses(space, "others"), text => text.Contains("tcp true True") && text.Contains("exec true False"), "tcp is ready, exec is not");
        await cluster.Kubectl("-n", space, "exec", "probed", "-c", "http", "--", "touch", "/w/ready");
        await cluster.Kubectl("-n", space, "exec", "others", "-c", "exec", "--", "touch", "/tmp/ready");
        await Eventually.Becomes(() => Statuses(space, "probed"), text => text.Contains("http true True"), "http is ready");
        await Eventually.Becomes(() => Statuses(space, "others"), text => text.Contains("exec true True"), "exec is ready");
        await cluster.Kubectl("-n", space, "exec", "probed", "-c", "http", "--", "rm", "/w/ready");
        await Eventually.Becomes(() => Statuses(space, "probed"), text => text.Contains("http true False"), "http is not ready any more");

        // Liveness: the container starts again, the pod stays.
        await cluster.Kubectl("-n", space, "exec", "probed", "-c", "http", "--", "rm", "/w/live");
        await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "pod", "probed", "-o", "jsonpath={.status.containerStatuses[?(@.name==\"http\")].restartCount}"), count => count == "1", "a restart");
        var last = (await cluster.Get("-n", space, "pod", "probed"))["status"]!["containerStatuses"]!.AsArray().Single(c => (string?)c!["name"] == "http")!["lastState"]!["terminated"]!;
        Assert.Equal(137, (int)last["exitCode"]!);
        var (now, before) = (await cluster.Kubectl("-n", space, "logs", "probed", "-c", "http"), await cluster.Kubectl("-n", space, "logs", "probed", "-c", "http", "--previous"));
        Assert.True(now.StartsWith("born ", StringComparison.Ordinal) && before.StartsWith("born ", StringComparison.Ordinal) && now != before, $"{before}, then {now}");
        var events = await Eventually.Becomes(() => Events(space), text => text.Contains("Killing Container never failed") && text.Contains("Killing Container http failed"), "two containers are killed");
        Assert.Contains("Unhealthy Liveness probe failed: HTTP probe failed with statuscode: 404", events);
        Assert.Contains("Unhealthy Readiness probe failed: HTTP probe failed with statuscode: 404", events);
        Assert.Contains("Killing Container http failed liveness probe, will be restarted", events);
        Assert.Contains("Killing Container never failed startup probe, will be restarted", events);
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task Restarts_by_policy_with_back_off()
    {
        var space = await cluster.NewNamespace("restarts");
        await Apply(space, """
            apiVersion: v1
            kind: Pod
            metadata: {name: always}
            spec: {terminationGracePeriodSeconds: 0, containers: [{name: main, image: "busybox:1", command: [sh, -c, 'echo run $(cat /proc/sys/kernel/random/uuid); exit 2']}]}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: onfailure}
            spec:
              restartPolicy: OnFailure
              volumes: [{name: d, emptyDir: {}}]
              containers: [{name: main, image: "busybox:1", command: [sh, -c, 'test -f /d/again && exit 0; touch /d/again; exit 9'], volumeMounts: [{name: d, mountPath: /d}]}]
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: never}
            spec: {restartPolicy: Never, containers: [{name: main, image: "busybox:1", command: [sh, -c, 'echo last words; exit 5'], terminationMessagePolicy: FallbackToLogsOnError}]}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: deadline}
            spec: {activeDeadlineSeconds: 2, terminationGracePeriodSeconds: 0, containers: [{name: main, image: "busybox:1", command: [sleep, "1000000"]}]}
            """);
        await Phase(space, "never", "Failed");
        var never = (await cluster.Get("-n", space, "pod", "never"))["status"]!["containerStatuses"]![0]!;
        Assert.Equal((0, "Error", 5, "last words\n"), ((int)never["restartCount"]!, (string)never["state"]!["terminated"]!["reason"]!, (int)never["state"]!["terminated"]!["exitCode"]!, (string)never["state"]!["terminated"]!["message"]!));
        await Phase(space, "onfailure", "Succeeded");
        Assert.Equal(1, (int)(await cluster.Get("-n", space, "pod", "onfailure"))["status"]!["containerStatuses"]![0]!["restartCount"]!);
        await Phase(space, "deadline", "Failed");
        Assert.Equal("DeadlineExceeded", await cluster.Kubectl("-n", space, "get", "pod", "deadline", "-o", "jsonpath={.status.reason}"));

        // The second restart waits 10 s.
        var waiting = await Eventually.Becomes(async () => (await cluster.Get("-n", space, "pod", "always"))["status"]!["containerStatuses"]![0]!,
            status => (int)status!["restartCount"]! == 1 && (string?)status["state"]?["waiting"]?["reason"] == "CrashLoopBackOff", "the back-off");
        Assert.StartsWith("back-off 10s restarting failed container=main pod=always_" + space, (string)waiting["state"]!["waiting"]!["message"]!);
        var again = await Eventually.Becomes(async () => (await cluster.Get("-n", space, "pod", "always"))["status"]!["containerStatuses"]![0]!, status => (int)status!["restartCount"]! == 2, "the second restart");
        // The third run: going on, ended, or ended and waiting for the next.
        var third = again["state"]!["running"] ?? again["state"]!["terminated"] ?? again["lastState"]!["terminated"]!;
        var gap = At(third, "startedAt") - At(waiting["lastState"]!["terminated"]!, "finishedAt");
        Assert.InRange(gap.TotalSeconds, 8, 25);
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");

        static DateTimeOffset At(JsonNode state, string field) => DateTimeOffset.Parse((string)state[field]!, CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task Hooks_and_a_graceful_end()
    {
        var space = await cluster.NewNamespace("hooks");
        await Apply(space, """
            apiVersion: v1
            kind: Pod
            metadata: {name: polite}
            spec:
              terminationGracePeriodSeconds: 30
              volumes: [{name: d, hostPath: {path: /run/polite, type: DirectoryOrCreate}}]
              containers:
              - name: main
                image: busybox:1
                command: [sh, -c, 'trap "echo term >>/d/log; exit 0" TERM; while true; do sleep 0.1; done']
                lifecycle: {postStart: {exec: {command: [sh, -c, 'echo started >>/d/log']}}, preStop: {exec: {command: [sh, -c, 'echo stopping >>/d/log']}}}
                volumeMounts: [{name: d, mountPath: /d}]
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: stubborn}
            spec:
              terminationGracePeriodSeconds: 3
              containers: [{name: main, image: "busybox:1", command: [sh, -c, 'trap "" TERM; while true; do sleep 0.1; done']}]
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: badhook}
            spec:
              terminationGracePeriodSeconds: 0
              containers: [{name: main, image: "busybox:1", command: [sleep, "1000000"], lifecycle: {postStart: {exec: {command: [sh, -c, 'echo no; exit 1']}}}}]
            """);
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/polite", "pod/stubborn", "--timeout=60s");
        await cluster.Kubectl("-n", space, "delete", "pod", "polite", "--timeout=20s");
        Assert.Equal("started\nstopping\nterm", (await cluster.Host.Run("cat", "/run/polite/log")).Succeeded());
        var clock = System.Diagnostics.Stopwatch.StartNew();
        await cluster.Kubectl("-n", space, "delete", "pod", "stubborn", "--timeout=20s");
        Assert.InRange(clock.Elapsed.TotalSeconds, 2.5, 15);
        await Eventually.Becomes(() => Events(space), text => text.Contains("FailedPostStartHook") && text.Contains("PostStartHook failed"), "the hook's failure");
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task Static_pods_have_mirrors()
    {
        const string Manifest = "apiVersion: v1\nkind: Pod\nmetadata: {name: fixed, namespace: default}\nspec: {terminationGracePeriodSeconds: 1, containers: [{name: main, image: \"busybox:1\", command: [sleep, \"1000000\"]}]}\n";
        const string File = "/var/lib/rancher/k3s/agent/pod-manifests/fixed.yaml";
        (await cluster.Host.Shell($"mkdir -p $(dirname {File}); printf '{Manifest.Replace("\n", "\\n")}' >{File}")).Succeeded();
        var name = $"fixed-{cluster.Host.Name}";
        await Eventually.Becomes(() => cluster.TryKubectl("get", "pod", name, "-o", "jsonpath={.status.phase}"), seen => seen.Output == "Running", "the mirror runs");
        Assert.Equal("file", await cluster.Kubectl("get", "pod", name, "-o", "jsonpath={.metadata.annotations.kubernetes\\.io/config\\.source}"));
        var id = await cluster.Kubectl("get", "pod", name, "-o", "jsonpath={.status.containerStatuses[0].containerID}");
        // The kubelet itself tells of the manifest's pod, as its manifest has it.
        var known = JsonNode.Parse(await cluster.Kubectl("get", "--raw", $"/api/v1/nodes/{cluster.Host.Name}/proxy/pods"))!["items"]!.AsArray().Single(p => (string?)p!["metadata"]!["name"] == name)!;
        Assert.Equal(("1000000", "Running"), ((string?)known["spec"]!["containers"]![0]!["command"]![1], (string?)known["status"]!["phase"]));
        Assert.NotEqual(await cluster.Kubectl("get", "pod", name, "-o", "jsonpath={.metadata.uid}"), (string?)known["metadata"]!["uid"]);
        // Whoever deletes the mirror gets another one; the pod itself goes on.
        await cluster.Kubectl("delete", "pod", name, "--wait=false");
        await Eventually.Becomes(() => cluster.TryKubectl("get", "pod", name, "-o", "jsonpath={.status.containerStatuses[0].containerID}{.metadata.deletionTimestamp}"), seen => seen.Output == id, "another mirror");
        (await cluster.Host.Run("rm", File)).Succeeded();
        await Eventually.Becomes(() => cluster.TryKubectl("get", "pod", name, "--ignore-not-found"), seen => seen is { ExitCode: 0, Output: "" }, "the mirror is gone");
    }

    private Task Apply(string space, string manifest) => cluster.KubectlWithInput(manifest, "-n", space, "apply", "-f", "-");

    private Task Phase(string space, string pod, string phase) =>
        Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "pod", pod, "-o", "jsonpath={.status.phase} {.status.containerStatuses[*].state}"), text => text.StartsWith(phase, StringComparison.Ordinal), $"{pod} is {phase}");

    private async Task<string> Statuses(string space, string pod) => string.Join('\n', (await cluster.Get("-n", space, "pod", pod))["status"]?["containerStatuses"]?.AsArray()
        .Select(c => $"{c!["name"]} {c["started"]?.ToString().ToLowerInvariant()} {((bool)c["ready"]! ? "True" : "False")}") ?? []);

    private Task<string> Events(string space) => cluster.Kubectl("-n", space, "get", "events", "-o", "jsonpath={range .items[*]}{.reason} {.message}{\"\\n\"}{end}");
}
