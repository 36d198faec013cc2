using Bramble.IntegrationTests.Support;

namespace Bramble.IntegrationTests.Node;

/// <summary>Charts that want a disk: K3s' class local-path from the claim to the folder on the node and back.</summary>
public sealed class StorageTests(SharedCluster shared)
{
    private readonly Cluster cluster = shared.Cluster;

    [Fact]
    public async Task A_StatefulSet_keeps_its_data_and_the_claim_takes_the_folder_along()
    {
        Assert.Equal("rancher.io/local-path Delete WaitForFirstConsumer true local", await cluster.Kubectl("get", "storageclass", "local-path", "-o",
            "jsonpath={.provisioner} {.reclaimPolicy} {.volumeBindingMode} {.metadata.annotations.storageclass\\.kubernetes\\.io/is-default-class} {.metadata.annotations.defaultVolumeType}"));
        Assert.Equal("Node", await cluster.Kubectl("get", "csinode", cluster.Host.Name, "-o", "jsonpath={.metadata.ownerReferences[0].kind}{.spec.drivers[*].name}"));
        var space = await cluster.NewNamespace("disk");
        await cluster.KubectlWithInput("""
            apiVersion: apps/v1
            kind: StatefulSet
            metadata: {name: db}
            spec:
              serviceName: db
              selector: {matchLabels: {app: db}}
              template:
                metadata: {labels: {app: db}}
                spec:
                  terminationGracePeriodSeconds: 0
                  containers:
                  - name: main
                    image: busybox:1
                    command: [sh, -c, 'echo "$(hostname) $(cat /proc/sys/kernel/random/uuid)" >>/data/starts; exec sleep 1000000']
                    volumeMounts: [{name: data, mountPath: /data}]
              volumeClaimTemplates:
              - metadata: {name: data}
                spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 64Mi}}}
            """, "-n", space, "apply", "-f", "-");
        await Eventually.Becomes(async () => await cluster.Kubectl("-n", space, "get", "statefulset", "db", "-o", "jsonpath={.status.readyReplicas}") + await cluster.Kubectl("-n", space, "describe", "pvc,pod"),
            text => text.StartsWith('1'), "its Pod is ready");

        var claim = await cluster.Get("-n", space, "pvc", "data-db-0");
        var name = $"pvc-{claim["metadata"]!["uid"]}";
        Assert.Equal($"local-path Bound 64Mi {name} {cluster.Host.Name} rancher.io/local-path", await cluster.Kubectl("-n", space, "get", "pvc", "data-db-0", "-o",
            "jsonpath={.spec.storageClassName} {.status.phase} {.status.capacity.storage} {.spec.volumeName} {.metadata.annotations.volume\\.kubernetes\\.io/selected-node} {.metadata.annotations.volume\\.kubernetes\\.io/storage-provisioner}"));
        var folder = $"/var/lib/rancher/k3s/storage/{name}_{space}_data-db-0";
        Assert.Equal($"{folder} Bound Delete local-path {cluster.Host.Name} {cluster.Host.Name} Filesystem", await cluster.Kubectl("get", "pv", name, "-o",
            "jsonpath={.spec.local.path} {.status.phase} {.spec.persistentVolumeReclaimPolicy} {.spec.storageClassName} {.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]} {.metadata.annotations.local\\.path\\.provisioner/selected-node} {.spec.volumeMode}"));
        Assert.Equal("777 700", (await cluster.Host.Shell($"echo $(stat -c %a {folder}) $(stat -c %a {folder}/..)")).Succeeded());
        var told = await cluster.Kubectl("-n", space, "get", "events", "--field-selector", "involvedObject.kind=PersistentVolumeClaim", "-o", "jsonpath={range .items[*]}{.type} {.reason}: {.message}{\"\\n\"}{end}");
        Assert.Contains($"Normal Provisioning: External provisioner is provisioning volume for claim \"{space}/data-db-0\"", told);
        Assert.Contains($"Normal ProvisioningSucceeded: Successfully provisioned volume {name}", told);

        await cluster.Kubectl("-n", space, "delete", "pod", "db-0");
        var starts = await Eventually.Becomes(async () => (await cluster.TryKubectl("-n", space, "exec", "db-0", "--", "cat", "/data/starts")).Output, text => text.Trim().Split('\n').Length == 2, "the second start finds the first one's file");
        Assert.All(starts.Trim().Split('\n'), line => Assert.StartsWith("db-0 ", line));

        // In use: the claim stays until its Pod is gone.
        await cluster.Kubectl("-n", space, "delete", "pvc", "data-db-0", "--wait=false");
        Assert.StartsWith("Bound 2", await cluster.Kubectl("-n", space, "get", "pvc", "data-db-0", "-o", "jsonpath={.status.phase} {.metadata.deletionTimestamp}"));
        await cluster.Kubectl("-n", space, "delete", "statefulset", "db");
        await Eventually.Becomes(async () => (await cluster.TryKubectl("get", "pv", name)).Errors, errors => errors.Contains("NotFound"), "the volume is gone");
        Assert.NotEqual(0, (await cluster.Host.Run("ls", "-d", folder)).ExitCode);
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task What_a_folder_cannot_be_is_refused_with_K3s_words()
    {
        var space = await cluster.NewNamespace("refused");
        await cluster.KubectlWithInput("""
            apiVersion: v1
            kind: PersistentVolumeClaim
            metadata: {name: many}
            spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Mi}}}
            ---
            apiVersion: v1
            kind: PersistentVolumeClaim
            metadata: {name: block}
            spec: {accessModes: [ReadWriteOnce], volumeMode: Block, resources: {requests: {storage: 1Mi}}}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: user}
            spec:
              containers: [{name: main, image: "busybox:1", command: [sleep, "1"], volumeMounts: [{name: a, mountPath: /a}], volumeDevices: [{name: b, devicePath: /dev/b}]}]
              volumes: [{name: a, persistentVolumeClaim: {claimName: many}}, {name: b, persistentVolumeClaim: {claimName: block}}]
            """, "-n", space, "apply", "-f", "-");
        await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "events", "-o", "jsonpath={range .items[*]}{.involvedObject.name} {.reason}: {.message}{\"\\n\"}{end}"),
            text => text.Contains("many ProvisioningFailed: failed to provision volume with StorageClass \"local-path\": NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes")
                && text.Contains("block ProvisioningFailed: rancher.io/local-path does not support block volume provisioning"), "both refusals");
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task Claims_with_subPath_readOnly_fsGroup_and_ephemeral_volumes()
    {
        var space = await cluster.NewNamespace("claims");
        (await cluster.Host.Shell("mkdir -p /var/lib/rancher/static && echo static >/var/lib/rancher/static/file")).Succeeded();
        await cluster.KubectlWithInput($$"""
            apiVersion: v1
            kind: PersistentVolume
            metadata: {name: "{{space}}"}
            spec:
              accessModes: [ReadWriteOnce]
              capacity: {storage: 10Mi}
              storageClassName: ""
              persistentVolumeReclaimPolicy: Retain
              hostPath: {path: /var/lib/rancher/static, type: Directory}
            ---
            apiVersion: v1
            kind: PersistentVolumeClaim
            metadata: {name: static}
            spec: {accessModes: [ReadWriteOnce], storageClassName: "", volumeName: "{{space}}", resources: {requests: {storage: 10Mi} } }
            ---
            apiVersion: v1
            kind: PersistentVolumeClaim
            metadata: {name: data}
            spec: {accessModes: [ReadWriteOncePod], resources: {requests: {storage: 10Mi} } }
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: user}
            spec:
              restartPolicy: Never
              terminationGracePeriodSeconds: 0
              securityContext: {fsGroup: 4242, runAsUser: 1000}
              containers:
              - name: main
                image: busybox:1
                command:
                - sh
                - -c
                - |
                  echo data $(stat -c %a:%g /data) $(touch /data/x && stat -c %u:%g /data/x)
                  echo part $(touch /part/y && stat -c %u:%g /part/y)
                  echo static $(cat /static/file) $(touch /static/x 2>&1 | grep -o 'Read-only.*')
                  echo scratch $(touch /scratch/z && echo ok)
                volumeMounts:
                - {name: data, mountPath: /data}
                - {name: data, mountPath: /part, subPath: a/b}
                - {name: static, mountPath: /static}
                - {name: scratch, mountPath: /scratch}
              volumes:
              - {name: data, persistentVolumeClaim: {claimName: data} }
              - {name: static, persistentVolumeClaim: {claimName: static, readOnly: true} }
              - {name: scratch, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi} } } } } }
            """, "-n", space, "apply", "-f", "-");
        await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "pod", "user", "-o", "jsonpath={.status.phase}"), phase => phase is "Succeeded" or "Failed", "the pod has run");
        Assert.Equal("""
            data 2777:4242 1000:4242
            part 1000:4242
            static static Read-only file system
            scratch ok
            """, await cluster.Kubectl("-n", space, "logs", "user"));
        var scratch = await cluster.Kubectl("-n", space, "get", "pvc", "user-scratch", "-o", "jsonpath={.spec.volumeName}");
        await cluster.Kubectl("-n", space, "delete", "pod", "user");
        await Eventually.Becomes(async () => (await cluster.TryKubectl("get", "pv", scratch)).Errors, errors => errors.Contains("NotFound"), "the ephemeral volume went with its Pod");
        await cluster.Kubectl("-n", space, "delete", "pvc", "static");
        await Eventually.Becomes(() => cluster.Kubectl("get", "pv", space, "-o", "jsonpath={.status.phase}"), phase => phase == "Released", "the static volume is released");
        Assert.Equal("static", (await cluster.Host.Run("cat", "/var/lib/rancher/static/file")).Succeeded());
        await cluster.Kubectl("delete", "pv", space);
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
    }

    [Fact]
    public async Task A_volume_that_cannot_be_mounted_says_why()
    {
        var space = await cluster.NewNamespace("mounts");
        await cluster.KubectlWithInput($$"""
            apiVersion: v1
            kind: PersistentVolume
            metadata: {name: "{{space}}"}
            spec:
              accessModes: [ReadWriteOnce]
              capacity: {storage: 10Mi}
              storageClassName: ""
              local: {path: /var/lib/rancher/absent}
              nodeAffinity: {required: {nodeSelectorTerms: [ {matchExpressions: [ {key: kubernetes.io/hostname, operator: In, values: [ "{{cluster.Host.Name}}" ] } ] } ] } }
            ---
            apiVersion: v1
            kind: PersistentVolumeClaim
            metadata: {name: absent}
            spec: {accessModes: [ReadWriteOnce], storageClassName: "", volumeName: "{{space}}", resources: {requests: {storage: 10Mi} } }
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: user}
            spec:
              terminationGracePeriodSeconds: 0
              containers: [{name: main, image: "busybox:1", command: [sleep, "1000"], volumeMounts: [{name: a, mountPath: /a}]}]
              volumes: [{name: a, persistentVolumeClaim: {claimName: absent} }]
            """, "-n", space, "apply", "-f", "-");
        await Eventually.Becomes(() => cluster.Kubectl("-n", space, "get", "events", "-o", "jsonpath={range .items[*]}{.type} {.reason}: {.message}{\"\\n\"}{end}"),
            text => text.Contains($"Warning FailedMount: MountVolume.NewMounter initialization failed for volume \"{space}\" : path \"/var/lib/rancher/absent\" does not exist"), "the event");
        // The folder comes, the Pod starts.
        (await cluster.Host.Run("mkdir", "/var/lib/rancher/absent")).Succeeded();
        await cluster.Kubectl("-n", space, "wait", "--for=condition=Ready", "pod/user", "--timeout=150s");
        await cluster.Kubectl("-n", space, "delete", "pod", "user");
        await cluster.Kubectl("delete", "namespace", space, "--wait=false");
        await cluster.Kubectl("delete", "pv", space, "--wait=false");
    }
}
