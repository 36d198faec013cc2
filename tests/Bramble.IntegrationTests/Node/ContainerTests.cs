using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>What a container is given: environment, volumes, identity and limits. Each pod looks for itself and prints what it saw.</summary>
public sealed class ContainerTests(SharedCluster shared)
{
    private readonly Cluster cluster = shared.Cluster;

    [Fact]
    public async Task Variables_come_from_files_that_init_containers_wrote()
    {
        var space = await cluster.NewNamespace("envfile");
        await cluster.KubectlWithInput("""
            apiVersion: v1
            kind: Pod
            metadata: {name: reader}
            spec:
              restartPolicy: Never
              volumes: [{name: d, emptyDir: {}}]
              initContainers:
              - {name: writer, image: "busybox:1", command: [sh, -c, "printf \"A='one\\ntwo'\\n\" >/d/env; ln -s /etc/passwd /d/out"], volumeMounts: [{name: d, mountPath: /d}]}
              containers:
              - name: main
                image: busybox:1
                command: [sh, -c, 'echo "$A|${B-none}|$C"']
                env:
                - {name: A, valueFrom: {fileKeyRef: {volumeName: d, path: env, key: A}}}
                - {name: B, valueFrom: {fileKeyRef: {volumeName: d, path: env, key: B, optional: true}}}
                - {name: C, value: "$(A)!"}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: missing}
            spec:
              restartPolicy: Never
              volumes: [{name: d, emptyDir: {}}]
              initContainers: [{name: writer, image: "busybox:1", command: [sh, -c, "ln -s /etc/passwd /d/env"], volumeMounts: [{name: d, mountPath: /d}]}]
              containers:
              - {name: main, image: "busybox:1", command: [env], env: [{name: A, valueFrom: {fileKeyRef: {volumeName: d, path: env, key: A}}}]}
            """, "-n", space, "apply", "-f", "-");
        await cluster.Kubectl("-n", space, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/reader", "--timeout=60s");
        Assert.Equal("one\ntwo|none|one\ntwo!", await cluster.Kubectl("-n", space, "logs", "reader", "-c", "main"));
        // A link out of the volume leads nowhere.
        await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "pod", "missing", "-o", "jsonpath={.status.containerStatuses[0].state.waiting.reason}"),
            reason => reason == "CreateContainerConfigError", "what cannot be read keeps the container from starting");
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task What_the_runtime_cannot_do_is_refused_and_not_left_out()
    {
        var space = await cluster.NewNamespace("cannot");
        await cluster.KubectlWithInput("""
            apiVersion: v1
            kind: Pod
            metadata: {name: users}
            spec: {hostUsers: false, containers: [{name: main, image: "busybox:1", command: [sleep, "1000"]}]}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: groups}
            spec: {securityContext: {supplementalGroupsPolicy: Strict}, containers: [{name: main, image: "busybox:1", command: [sleep, "1000"]}]}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: mounts}
            spec:
              volumes: [{name: d, emptyDir: {}}]
              containers: [{name: main, image: "busybox:1", command: [sleep, "1000"], volumeMounts: [{name: d, mountPath: /d, readOnly: true, recursiveReadOnly: Enabled}]}]
            """, "-n", space, "apply", "-f", "-");
        await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "events", "--field-selector", "involvedObject.name=users,reason=FailedCreatePodSandBox", "-o", "jsonpath={.items[*].message}"),
            text => text.StartsWith("Failed to create pod sandbox: can't set `spec.hostUsers: false`, runtime does not support user namespaces", StringComparison.Ordinal), "the event of the pod with its own users");
        await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "pod", "groups", "-o", "jsonpath={.status.phase} {.status.reason}: {.status.message}"),
            text => text == "Failed SupplementalGroupsPolicyNotSupported: Pod was rejected: SupplementalGroupsPolicy=Strict is not supported in this node", "the pod with strict groups failed");
        await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "pod", "mounts", "-o", "jsonpath={.status.containerStatuses[0].state.waiting.message}"),
            text => text == "volume \"d\" requested recursive read-only mode, but it is not supported by the runtime", "the container with the mount waits");
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task Environment_from_everything()
    {
        var space = await cluster.NewNamespace("env");
        await cluster.KubectlWithInput("""
            apiVersion: v1
            kind: Service
            metadata: {name: my-db}
            spec: {clusterIP: 10.43.77.77, selector: {app: x}, ports: [{name: sql, port: 5432}]}
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: settings}
            data: {color: blue, size: "7"}
            ---
            apiVersion: v1
            kind: Secret
            metadata: {name: keys}
            stringData: {token: s3cret}
            """, "-n", space, "apply", "-f", "-");
        // Service links are those the kubelet knows when the container starts.
        await Eventually.Becomes(() => Print(space, "env", """
            containers:
            - name: main
              image: busybox:1
              command: [sh, -c, 'echo "$A|$B|$C|$D|$E|$F|$G|$H|$I|$color|$p_size|$MY_DB_SERVICE_HOST|$MY_DB_SERVICE_PORT_SQL|$MY_DB_PORT_5432_TCP|$KUBERNETES_SERVICE_HOST|$NONE|$(hostname)"']
              resources: {requests: {cpu: 100m, memory: 16Mi}, limits: {cpu: 1500m, memory: 64Mi}}
              envFrom: [{configMapRef: {name: settings}}, {configMapRef: {name: settings}, prefix: p_}, {secretRef: {name: absent, optional: true}}]
              env:
              - {name: A, value: plain}
              - {name: B, value: "<$(A)> $$(A) $(MISSING)"}
              - {name: C, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
              - {name: D, valueFrom: {fieldRef: {fieldPath: "metadata.labels['team']"}}}
              - {name: E, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
              - {name: F, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
              - {name: G, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
              - {name: H, valueFrom: {configMapKeyRef: {name: settings, key: color}}}
              - {name: I, valueFrom: {secretKeyRef: {name: keys, key: token}}}
              - {name: NONE, valueFrom: {configMapKeyRef: {name: settings, key: none, optional: true}}}
            """), text => text == "plain|<plain> $(A) $(MISSING)|env|bramble|" + cluster.Host.Name
                + "|2|64|blue|s3cret|blue|7|10.43.77.77|5432|tcp://10.43.77.77:5432|10.43.0.1||env", "the environment");
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task Volumes_of_every_kind()
    {
        var space = await cluster.NewNamespace("volumes");
        await cluster.Kubectl("-n", space, "create", "configmap", "settings", "--from-literal=color=blue", "--from-literal=size=7");
        await cluster.Kubectl("-n", space, "create", "secret", "generic", "keys", "--from-literal=token=s3cret");
        await cluster.Host.Shell("mkdir -p /var/lib/rancher/test && echo from-the-host >/var/lib/rancher/test/file");
        var seen = await Print(space, "volumes", """
            securityContext: {fsGroup: 4242}
            initContainers:
            - {name: prepare, image: "busybox:1", command: [sh, -c, 'mkdir -p /d/sub/deep && echo sub >/d/sub/deep/file'], volumeMounts: [{name: disk, mountPath: /d}]}
            containers:
            - name: main
              image: busybox:1
              command:
              - sh
              - -c
              - |
                echo config $(cat /config/color) $(readlink /config/color) $(ls -A /config | wc -l)
                echo secret $(cat /secret/token) $(stat -L -c %a:%g /secret/token) $(awk '$2=="/secret"{print $3}' /proc/mounts)
                echo items $(cat /items/a/b) $(stat -L -c %a /items/a/b)
                echo subpath $(cat /sub/file) $(cat /single)
                echo host $(cat /host/file) $(test -d /made && echo made)
                echo memory $(awk '$2=="/memory"{print $3}' /proc/mounts) $(df -k /memory | tail -1 | awk '{print $2}')
                echo disk $(stat -c %a:%g /disk)
                echo readonly $(touch /config/x 2>&1 | grep -o 'Read-only.*')
                echo labels $(cat /down/labels) $(cat /down/name) $(cat /down/cpu)
                echo token $(cut -d. -f2 /all/token | tr _- /+ | base64 -d 2>/dev/null | grep -o '"aud":\["vault"\]') $(cat /all/color) $(cat /all/key)
                echo account $(ls /var/run/secrets/kubernetes.io/serviceaccount | tr '\n' ' ')$(cat /var/run/secrets/kubernetes.io/serviceaccount/namespace | cut -c1-7)
                echo hosts $(grep -c volumes /etc/hosts) $(grep extra.local /etc/hosts | awk '{print $1}')
              resources: {limits: {cpu: 300m}}
              volumeMounts:
              - {name: config, mountPath: /config}
              - {name: secret, mountPath: /secret}
              - {name: items, mountPath: /items}
              - {name: disk, mountPath: /disk}
              - {name: disk, mountPath: /sub, subPath: sub/deep}
              - {name: config, mountPath: /single, subPath: size}
              - {name: host, mountPath: /host, readOnly: true}
              - {name: made, mountPath: /made}
              - {name: memory, mountPath: /memory}
              - {name: down, mountPath: /down}
              - {name: all, mountPath: /all}
            hostAliases: [{ip: 10.9.8.7, hostnames: [extra.local]}]
            volumes:
            - {name: config, configMap: {name: settings}}
            - {name: secret, secret: {secretName: keys, defaultMode: 0400}}
            - {name: items, configMap: {name: settings, items: [{key: color, path: a/b, mode: 0600}]}}
            - {name: disk, emptyDir: {}}
            - {name: host, hostPath: {path: /var/lib/rancher/test, type: Directory}}
            - {name: made, hostPath: {path: /var/lib/rancher/test/made, type: DirectoryOrCreate}}
            - {name: memory, emptyDir: {medium: Memory, sizeLimit: 8Mi}}
            - {name: down, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}, {path: name, fieldRef: {fieldPath: metadata.name}}, {path: cpu, resourceFieldRef: {containerName: main, resource: limits.cpu, divisor: 1m}}]}}
            - {name: all, projected: {sources: [{serviceAccountToken: {path: token, audience: vault, expirationSeconds: 600}}, {configMap: {name: settings, items: [{key: color, path: color}]}}, {secret: {name: keys, items: [{key: token, path: key}]}}]}}
            """);
        Assert.Equal($"""
            config blue ..data/color 4
            secret s3cret 440:4242 tmpfs
            items blue 640
            subpath sub 7
            host from-the-host made
            memory tmpfs 8192
            disk 2777:4242
            readonly Read-only file system
            labels team="bramble" volumes 300
            token "aud":["vault"] blue s3cret
            account ca.crt namespace token volumes
            hosts 1 10.9.8.7
            """, seen);
        var uid = await cluster.Kubectl("-n", space, "get", "pod", "volumes", "-o", "jsonpath={.metadata.uid}");
        await cluster.Kubectl("delete", "namespace", space, "--timeout=60s");
        await Eventually.Becomes(async () => (await cluster.Host.Shell($"mount | grep kubelet/pods/{uid}; ls -d /var/lib/kubelet/pods/{uid}")).Output, left => left == "", "its volumes are gone");
    }

    [Fact]
    public async Task A_ConfigMap_that_changes_is_seen_in_a_running_container()
    {
        var space = await cluster.NewNamespace("change");
        await cluster.Kubectl("-n", space, "create", "configmap", "settings", "--from-literal=color=blue");
        await cluster.KubectlWithInput("""
            apiVersion: v1
            kind: Pod
            metadata: {name: reader}
            spec:
              terminationGracePeriodSeconds: 0
              containers: [{name: main, image: "busybox:1", command: [sleep, "1000000"], volumeMounts: [{name: config, mountPath: /config}]}]
              volumes: [{name: config, configMap: {name: settings}}]
            """, "-n", space, "apply", "-f", "-");
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/reader", "--timeout=60s");
        Assert.Equal("blue", await cluster.Kubectl("-n", space, "exec", "reader", "--", "cat", "/config/color"));
        await cluster.Kubectl("-n", space, "patch", "configmap", "settings", "-p", "{\"data\":{\"color\":\"red\"}}");
        await Eventually.Becomes(() => cluster.Kubectl("-n", space, "exec", "reader", "--", "cat", "/config/color"), color => color == "red", "the new color");
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task Security_contexts()
    {
        var space = await cluster.NewNamespace("security");
        var plain = await Print(space, "restricted", """
            securityContext: {runAsUser: 1234, runAsGroup: 2345, supplementalGroups: [77], seccompProfile: {type: RuntimeDefault}, sysctls: [{name: net.ipv4.ip_local_port_range, value: "40000 50000"}]}
            shareProcessNamespace: true
            containers:
            - name: main
              image: busybox:1
              command:
              - sh
              - -c
              - |
                echo id $(id -u):$(id -g):$(id -G)
                echo caps $(grep CapEff /proc/self/status | cut -f2) seccomp $(grep Seccomp: /proc/self/status | cut -f2) nonewprivs $(grep NoNewPrivs /proc/self/status | cut -f2)
                echo root $(touch /x 2>&1 | grep -o 'Read-only.*')
                echo sysctl $(cat /proc/sys/net/ipv4/ip_local_port_range)
                echo shared $(ps -o pid,args | grep -c '[p]ause')
                echo masked $(head -c1 /proc/kcore 2>/dev/null | wc -c)
              securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
            """);
        Assert.Equal("""
            id 1234:2345:2345 77
            caps 0000000000000000 seccomp 2 nonewprivs 1
            root Read-only file system
            sysctl 40000 50000
            shared 1
            masked 0
            """, plain);

        var mighty = await Print(space, "privileged", """
            hostPID: true
            hostIPC: true
            hostNetwork: true
            containers:
            - name: main
              image: busybox:1
              command:
              - sh
              - -c
              - |
                echo devices $(test -e /dev/kmsg && echo yes)
                echo pid $(ps -o args | grep -c '[c]ontainerd --config')
                echo address $(ip -4 -o address show eth0 | awk '{print $4}')
                echo name $(hostname)
              securityContext: {privileged: true}
            """);
        Assert.Equal($"""
            devices yes
            pid 1
            address {cluster.Host.Address}/24
            name {cluster.Host.Name}
            """, mighty);

        await cluster.KubectlWithInput("""
            apiVersion: v1
            kind: Pod
            metadata: {name: refused}
            spec:
              containers: [{name: main, image: "busybox:1", command: [sleep, "1"], securityContext: {runAsNonRoot: true}}]
            """, "-n", space, "apply", "-f", "-");
        var waiting = await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "pod", "refused", "-o", "jsonpath={.status.containerStatuses[0].state.waiting.reason}: {.status.containerStatuses[0].state.waiting.message}"),
            text => text.StartsWith("CreateContainerConfigError", StringComparison.Ordinal), "it is refused");
        Assert.Contains("container has runAsNonRoot and image will run as root", waiting);
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task Limits_are_in_the_pods_cgroups_and_memory_ends_a_container()
    {
        var space = await cluster.NewNamespace("limits");
        await cluster.KubectlWithInput("""
            apiVersion: v1
            kind: Pod
            metadata: {name: guaranteed}
            spec:
              terminationGracePeriodSeconds: 0
              containers: [{name: main, image: "busybox:1", command: [sleep, "1000000"], resources: {limits: {cpu: 500m, memory: 32Mi}}}]
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: eater}
            spec:
              restartPolicy: Never
              containers: [{name: main, image: "busybox:1", command: [sh, -c, 'tail /dev/zero'], resources: {limits: {memory: 16Mi}}}]
            """, "-n", space, "apply", "-f", "-");
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/guaranteed", "--timeout=60s");
        Assert.Equal("Guaranteed", await cluster.Kubectl("-n", space, "get", "pod", "guaranteed", "-o", "jsonpath={.status.qosClass}"));
        var uid = await cluster.Kubectl("-n", space, "get", "pod", "guaranteed", "-o", "jsonpath={.metadata.uid}");
        var limits = (await cluster.Host.Shell($"cd /sys/fs/cgroup; cat memory/k3s/kubepods/pod{uid}/memory.limit_in_bytes cpu/k3s/kubepods/pod{uid}/cpu.cfs_quota_us cpu/k3s/kubepods/pod{uid}/cpu.shares")).Succeeded();
        Assert.Equal($"{32 << 20}\n50000\n512", limits);

        var ended = await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "pod", "eater", "-o", "jsonpath={.status.phase} {.status.containerStatuses[0].state.terminated.reason} {.status.containerStatuses[0].state.terminated.exitCode}"),
            text => text.StartsWith("Failed", StringComparison.Ordinal), "it is ended");
        Assert.Equal("Failed OOMKilled 137", ended);
        await cluster.Kubectl("delete", "namespace", space, "--timeout=60s");
        // A pod without a grace period leaves the API before it has left the node.
        await Eventually.Becomes(async () => (await cluster.Host.Shell($"ls -d /sys/fs/cgroup/*/k3s/kubepods/pod{uid}")).Output, left => left == "", "its cgroups are gone");
    }

    /// <summary>Runs a pod of this spec to its end and returns what it printed.</summary>
    private async Task<string> Print(string space, string name, string spec)
    {
        await cluster.Kubectl("-n", space, "delete", "pod", name, "--ignore-not-found", "--now");
        var manifest = $$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: "{{name}}", labels: {team: bramble} }
            spec:
              restartPolicy: Never
              terminationGracePeriodSeconds: 0
            {{string.Join('\n', spec.Split('\n').Select(line => "  " + line))}}
            """;
        await cluster.KubectlWithInput(manifest, "-n", space, "apply", "-f", "-");
        var state = await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "pod", name, "-o", "jsonpath={.status.phase} {.status.containerStatuses[*].state}"),
            text => text.StartsWith("Succeeded", StringComparison.Ordinal) || text.StartsWith("Failed", StringComparison.Ordinal), $"pod {name} ends");
        Assert.StartsWith("Succeeded", state);
        return await cluster.Kubectl("-n", space, "logs", name);
    }
}
