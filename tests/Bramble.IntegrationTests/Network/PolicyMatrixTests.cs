using System.Text;
using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Network;

/// <summary>Who reaches whom under which NetworkPolicies: nine pods of three namespaces on two hosts, each asks each at two ports. The rows are upstream's own
/// (test/e2e/network/netpol).</summary>
public sealed class PolicyMatrixTests
{
    /// <summary>A pod by its namespace (x, y, z) and name (a, b, c), which are its labels too.</summary>
    private readonly record struct Place(char Space, char Pod);

    private static readonly Place[] Places = [.. from space in "xyz" from pod in "abc" select new Place(space, pod)];

    /// <summary>Name, policies of namespace x (<c>NAME: spec</c>), and who reaches whom at which port; a pod reaches itself always.</summary>
    private static readonly (string Name, string[] Specs, Func<Place, Place, int, bool> Reaches)[] Rows =
    [
        ("deny ingress", ["{podSelector: {}, policyTypes: [Ingress]}"], (_, to, _) => to.Space != 'x'),
        ("deny all", ["{podSelector: {}, policyTypes: [Ingress, Egress]}"], (from, to, _) => to.Space != 'x' && from.Space != 'x'),
        ("pods of the own namespace", [ToA("{from: [{podSelector: {matchLabels: {pod: b}}}]}")], (from, to, _) => !IsA(to) || from is { Space: 'x', Pod: 'b' }),
        ("one target among all that are denied", ["{podSelector: {}, policyTypes: [Ingress]}", ToA("{}")], (_, to, _) => to.Space != 'x' || IsA(to)),
        ("pods of all namespaces", [ToA("{from: [{namespaceSelector: {}}]}")], (_, _, _) => true),
        ("a namespace by label", [ToA("{from: [{namespaceSelector: {matchLabels: {ns: 'y'}}}]}")], (from, to, _) => !IsA(to) || from.Space == 'y'),
        ("a namespace by its own name", [ToA("{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: matrix-y}}}]}")], (from, to, _) => !IsA(to) || from.Space == 'y'),
        ("pods by expression", [ToA("{from: [{podSelector: {matchExpressions: [{key: pod, operator: In, values: [c]}]}}]}")], (from, to, _) => !IsA(to) || from is { Space: 'x', Pod: 'c' }),
        ("namespaces by expression", [ToA("{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: [x, z]}, {key: ns, operator: Exists}]}}]}")], (from, to, _) => !IsA(to) || from.Space == 'y'),
        ("pods or namespaces", [ToA("{from: [{namespaceSelector: {matchLabels: {ns: 'y'}}}, {podSelector: {matchLabels: {pod: b}}}]}")], (from, to, _) => !IsA(to) || from.Space == 'y' || from is { Space: 'x', Pod: 'b' }),
        ("pods and namespaces", [ToA("{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: [x]}]}, podSelector: {matchExpressions: [{key: pod, operator: In, values: [b, c]}]}}]}")],
            (from, to, _) => !IsA(to) || (from.Space is 'y' or 'z' && from.Pod is 'b' or 'c')),
        ("a port", [ToA("{from: [{namespaceSelector: {matchLabels: {ns: 'y'}}}], ports: [{port: 81}]}")], (from, to, port) => !IsA(to) || (from.Space == 'y' && port == 81)),
        ("two policies add up", [ToA("{from: [{namespaceSelector: {matchLabels: {ns: 'y'}}}], ports: [{port: 81}]}"), ToA("{from: [{podSelector: {}}], ports: [{port: 80}]}")],
            (from, to, port) => !IsA(to) || (from.Space == 'y' && port == 81) || (from.Space == 'x' && port == 80)),
        ("allow all beside deny all", ["{podSelector: {}, policyTypes: [Ingress, Egress]}", "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}"], (_, _, _) => true),
        ("a port by name", [ToA("{ports: [{port: serve-81}]}")], (_, to, port) => !IsA(to) || port == 81),
        ("a port range", [ToA("{ports: [{port: 70, endPort: 80}]}")], (_, to, port) => !IsA(to) || port == 80),
        ("a port by name from a namespace", [ToA("{from: [{namespaceSelector: {matchLabels: {ns: 'y'}}}], ports: [{port: serve-80}]}")], (from, to, port) => !IsA(to) || (from.Space == 'y' && port == 80)),
        ("a port of another protocol", [ToA("{ports: [{port: 80, protocol: UDP}, {port: 81, protocol: SCTP}]}")], (_, to, _) => !IsA(to)),
        ("any port of a protocol", [ToA("{ports: [{protocol: TCP}]}")], (_, _, _) => true),
        ("nothing goes out of a pod", [FromA("")], (from, _, _) => !IsA(from)),
        ("nothing goes out of a namespace", ["{podSelector: {}, policyTypes: [Egress]}"], (from, _, _) => from.Space != 'x'),
        ("out to a port by name", [FromA("{ports: [{port: serve-80}]}")], (from, _, port) => !IsA(from) || port == 80),
        ("out to pods of other namespaces", [FromA("{to: [{namespaceSelector: {matchLabels: {ns: 'y'}}, podSelector: {matchLabels: {pod: b}}}]}")], (from, to, _) => !IsA(from) || to is { Space: 'y', Pod: 'b' }),
        ("in and out in one policy", ["{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}], egress: [{ports: [{port: 80}]}]}"],
            (from, to, port) => (!IsA(to) || from is { Space: 'x', Pod: 'b' }) && (!IsA(from) || port == 80)),
        ("out to an address", [FromA("{to: [{ipBlock: {cidr: ADDRESS-OF-zb/32}}]}")], (from, to, _) => !IsA(from) || to is { Space: 'z', Pod: 'b' }),
        ("out to a network but one address", [FromA("{to: [{ipBlock: {cidr: 10.42.0.0/16, except: [ADDRESS-OF-zb/32]}}]}")], (from, to, _) => !IsA(from) || to is not { Space: 'z', Pod: 'b' }),
        ("what one policy leaves out another one allows", [FromA("{to: [{ipBlock: {cidr: 10.42.0.0/16, except: [ADDRESS-OF-zb/32]}}]}"), FromA("{to: [{ipBlock: {cidr: ADDRESS-OF-zb/32}}]}")], (_, _, _) => true),
        ("in from an address", [ToA("{from: [{ipBlock: {cidr: ADDRESS-OF-zb/32}}]}")], (from, to, _) => !IsA(to) || from is { Space: 'z', Pod: 'b' }),
    ];

    private readonly Dictionary<Place, (TestHost Host, string Pid, string Address)> _pods = [];

    [Fact]
    public async Task Each_pair_of_pods_is_as_the_policies_say()
    {
        await using var cluster = await Cluster.Start("matrix1", 243, "--token", "token-of-servers");
        await using var agent = await TestHost.Up("matrix2", 244);
        await Agent.Start(agent, $"https://{cluster.Host.Address}:6443", "token-of-servers");
        await cluster.WaitForNode("matrix2");
        await StartPods(cluster, agent);
        await Becomes("no policy", (_, _, _) => true);
        foreach (var (name, specs, reaches) in Rows)
        {
            await Apply(cluster, specs);
            await Becomes(name, reaches);
        }

        // What is selected by labels follows them.
        await Apply(cluster, [ToA("{from: [{namespaceSelector: {matchLabels: {late: 'yes'}}}]}")]);
        await Becomes("a label that no namespace has", (_, to, _) => !IsA(to));
        await cluster.Kubectl("label", "namespace", "matrix-z", "late=yes");
        await Becomes("a namespace gets the label", (from, to, _) => !IsA(to) || from.Space == 'z');
        await Apply(cluster, ["{podSelector: {matchLabels: {late: 'yes'}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {late: 'yes'}}}]}]}"]);
        await Becomes("a label that no pod has", (_, _, _) => true);
        await cluster.Kubectl("label", "pod", "b", "-n", "matrix-x", "late=yes");
        await Becomes("a pod gets the label", (_, to, _) => to is not { Space: 'x', Pod: 'b' });
        await cluster.Kubectl("label", "pod", "c", "-n", "matrix-y", "late=yes");
        await Becomes("and one that may ask it", (from, to, _) => to is not { Space: 'x', Pod: 'b' } || from is { Space: 'y', Pod: 'c' });
        await cluster.Kubectl("delete", "networkpolicy", "--all", "-n", "matrix-x");
        await Becomes("all policies are gone", (_, _, _) => true);
    }

    private static bool IsA(Place place) => place is { Space: 'x', Pod: 'a' };

    private static string ToA(string rule) => $"{{podSelector: {{matchLabels: {{pod: a}}}}, policyTypes: [Ingress], ingress: [{rule}]}}";

    private static string FromA(string rule) => $"{{podSelector: {{matchLabels: {{pod: a}}}}, policyTypes: [Egress], egress: [{rule}]}}";

    private async Task StartPods(Cluster cluster, TestHost agent)
    {
        var manifest = new StringBuilder();
        foreach (var space in "xyz") manifest.Append($"apiVersion: v1\nkind: Namespace\nmetadata: {{name: matrix-{space}, labels: {{ns: '{space}'}} }}\n---\n");
        foreach (var (place, i) in Places.Select((place, i) => (place, i)))
            manifest.Append($$$"""
                apiVersion: v1
                kind: Pod
                metadata: {name: {{{place.Pod}}}, namespace: matrix-{{{place.Space}}}, labels: {pod: {{{place.Pod}}} } }
                spec:
                  nodeName: {{{(i % 2 == 0 ? "matrix1" : "matrix2")}}}
                  automountServiceAccountToken: false
                  terminationGracePeriodSeconds: 0
                  containers:
                  - name: web
                    image: busybox:1
                    command: [sh, -c, "mkdir /w; echo x >/w/index.html; httpd -p 80 -h /w; exec httpd -f -p 81 -h /w"]
                    ports: [{name: serve-80, containerPort: 80}, {name: serve-81, containerPort: 81}]
                    readinessProbe: {tcpSocket: {port: 81}, periodSeconds: 1}
                ---

                """);
        await Eventually.Becomes(async () => (await cluster.KubectlWithInput(new MemoryStream(Encoding.UTF8.GetBytes(manifest.ToString())), "apply", "-f", "-")).Errors, errors => errors.Length == 0, "pods are taken once their namespaces have service accounts", TimeSpan.FromSeconds(20));
        foreach (var space in "xyz") await cluster.Kubectl("wait", "--for=condition=Ready", "pod", "--all", "-n", $"matrix-{space}", "--timeout=60s");
        foreach (var place in Places)
        {
            var words = (await cluster.Kubectl("get", "pod", $"{place.Pod}", "-n", $"matrix-{place.Space}", "-o", "jsonpath={.spec.nodeName} {.status.podIP} {.status.containerStatuses[0].containerID}")).Split(' ');
            var host = words[0] == "matrix1" ? cluster.Host : agent;
            var pid = (await host.Shell($"ctr -a /run/k3s/containerd/containerd.sock -n k8s.io tasks ls | awk '$1 == \"{words[2].Replace("containerd://", "")}\" {{ print $2 }}'")).Succeeded();
            _pods[place] = (host, pid, words[1]);
        }
    }

    private async Task Apply(Cluster cluster, string[] specs)
    {
        await cluster.Kubectl("delete", "networkpolicy", "--all", "-n", "matrix-x");
        foreach (var (spec, i) in specs.Select((spec, i) => (spec, i)))
            await cluster.KubectlWithInput($"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p{i}, namespace: matrix-x}}\nspec: {spec.Replace("ADDRESS-OF-zb", _pods[new('z', 'b')].Address)}\n", "apply", "-f", "-");
    }

    private Task Becomes(string name, Func<Place, Place, int, bool> reaches) => Eventually.Becomes(
        async () => string.Join('\n', (await Task.WhenAll(Places.Select(from => Differences(from, reaches)))).SelectMany(lines => lines)), differences => differences.Length == 0, name);

    /// <summary>What a pod reaches and should not, or the other way round. Everybody is asked at once: who is not let through is waited for.</summary>
    private async Task<IEnumerable<string>> Differences(Place from, Func<Place, Place, int, bool> reaches)
    {
        var (host, pid, _) = _pods[from];
        var targets = Places.SelectMany(to => new[] { (To: to, Port: 80), (To: to, Port: 81) }).ToList();
        var script = string.Concat(targets.Select(target => $"(curl -so /dev/null -m 1 http://{_pods[target.To].Address}:{target.Port}/ && echo {target.To.Space}{target.To.Pod}{target.Port}) & ")) + "wait";
        var reached = (await host.Run("nsenter", "--target", pid, "--net", "--", "sh", "-c", script)).Output.Split('\n').ToHashSet();
        return targets.Where(target => reached.Contains($"{target.To.Space}{target.To.Pod}{target.Port}") != (from == target.To || reaches(from, target.To, target.Port)))
            .Select(target => $"{from.Space}/{from.Pod} to {target.To.Space}/{target.To.Pod}:{target.Port}");
    }
}
