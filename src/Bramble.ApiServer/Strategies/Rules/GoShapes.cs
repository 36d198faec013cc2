using System.Collections.Frozen;
using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Upstream's internal structures as its messages print them: every field by its Go name, in the order of the declaration, absent ones as zero or null
/// (pkg/apis/core/types.go). A line is one structure; after a field's name stands what it is:
/// <c>$</c> text, <c>#</c> number, <c>?</c> flag (all three have a zero value), <c>.T</c> a structure, <c>*T</c> one that may be absent, <c>[T</c> a list of them,
/// nothing: whatever is there, or null. <c>Name=json</c> where the JSON name does not follow from the Go name.</summary>
internal static class GoShapes
{
    private static readonly FrozenDictionary<string, Field[]> Shapes = Read(
        """
        PersistentVolumeClaimSpec AccessModes Selector Resources.Amounts VolumeName$ StorageClassName VolumeMode DataSource*LocalTyped DataSourceRef*Typed VolumeAttributesClassName
        Amounts Limits Requests
        LocalTyped APIGroup Kind$ Name$
        Typed APIGroup Kind$ Name$ Namespace
        PersistentVolumeSource GCEPersistentDisk=gcePersistentDisk*Gce AWSElasticBlockStore=awsElasticBlockStore*Aws HostPath*HostPath Glusterfs*Glusterfs NFS*Nfs RBD*Rbd Quobyte*Quobyte ISCSI*Iscsi FlexVolume*Flex Cinder*Cinder CephFS=cephfs*CephFs FC*Fc Flocker*Flocker AzureFile*AzureFile VsphereVolume*Vsphere AzureDisk*AzureDisk PhotonPersistentDisk*Photon PortworxVolume*Portworx ScaleIO=scaleIO*ScaleIo Local*Local StorageOS=storageos*StorageOs CSI*Csi
        Gce PDName=pdName$ FSType=fsType$ Partition# ReadOnly?
        Aws VolumeID=volumeID$ FSType=fsType$ Partition# ReadOnly?
        HostPath Path$ Type
        Glusterfs EndpointsName=endpoints$ Path$ ReadOnly? EndpointsNamespace
        Nfs Server$ Path$ ReadOnly?
        Rbd CephMonitors=monitors RBDImage=image$ FSType=fsType$ RBDPool=pool$ RadosUser=user$ Keyring$ SecretRef*Secret ReadOnly?
        Quobyte Registry$ Volume$ ReadOnly? User$ Group$ Tenant$
        Iscsi TargetPortal$ IQN$ Lun# ISCSIInterface=iscsiInterface$ FSType=fsType$ ReadOnly? Portals DiscoveryCHAPAuth=chapAuthDiscovery? SessionCHAPAuth=chapAuthSession? SecretRef*Secret InitiatorName
        Flex Driver$ FSType=fsType$ SecretRef*Secret ReadOnly? Options
        Cinder VolumeID=volumeID$ FSType=fsType$ ReadOnly? SecretRef*Secret
        CephFs Monitors Path$ User$ SecretFile$ SecretRef*Secret ReadOnly?
        Fc TargetWWNs=targetWWNs Lun FSType=fsType$ ReadOnly? WWIDs=wwids
        Flocker DatasetName$ DatasetUUID=datasetUUID$
        AzureFile SecretName$ ShareName$ ReadOnly? SecretNamespace
        Vsphere VolumePath$ FSType=fsType$ StoragePolicyName$ StoragePolicyID=storagePolicyID$
        AzureDisk DiskName$ DataDiskURI=diskURI$ CachingMode FSType=fsType ReadOnly Kind
        Photon PdID=pdID$ FSType=fsType$
        Portworx VolumeID=volumeID$ FSType=fsType$ ReadOnly?
        ScaleIo Gateway$ System$ SecretRef*Secret SSLEnabled=sslEnabled? ProtectionDomain$ StoragePool$ StorageMode$ VolumeName$ FSType=fsType$ ReadOnly?
        Local Path$ FSType=fsType
        StorageOs VolumeName$ VolumeNamespace$ FSType=fsType$ ReadOnly? SecretRef*Object
        Csi Driver$ VolumeHandle$ ReadOnly? FSType=fsType$ VolumeAttributes ControllerPublishSecretRef*Secret NodeStageSecretRef*Secret NodePublishSecretRef*Secret ControllerExpandSecretRef*Secret NodeExpandSecretRef*Secret
        Secret Name$ Namespace$
        Object Kind$ Namespace$ Name$ UID$ APIVersion$ ResourceVersion$ FieldPath$
        VolumeNodeAffinity Required*NodeSelector
        NodeSelector NodeSelectorTerms[NodeSelectorTerm
        NodeSelectorTerm MatchExpressions[NodeSelectorRequirement MatchFields[NodeSelectorRequirement
        NodeSelectorRequirement Key$ Operator$ Values
        EphemeralContainer Name$ Image$ Command Args WorkingDir$ Ports[Port EnvFrom[EnvFrom Env[Env Resources.Resources ResizePolicy RestartPolicy RestartPolicyRules VolumeMounts[Mount VolumeDevices[Device LivenessProbe ReadinessProbe StartupProbe Lifecycle TerminationMessagePath$ TerminationMessagePolicy$ ImagePullPolicy$ SecurityContext*SecurityContext Stdin? StdinOnce? TTY? TargetContainerName$
        Port Name$ HostPort# ContainerPort# Protocol$ HostIP=hostIP$
        EnvFrom Prefix$ ConfigMapRef*Optional SecretRef*Optional
        Optional Name$ Optional
        Env Name$ Value$ ValueFrom*EnvSource
        EnvSource FieldRef*FieldRef ResourceFieldRef*ResourceRef ConfigMapKeyRef*KeyRef SecretKeyRef*KeyRef FileKeyRef*FileRef
        FieldRef APIVersion$ FieldPath$
        ResourceRef ContainerName$ Resource$ Divisor$
        KeyRef Name$ Key$ Optional
        FileRef VolumeName$ Path$ Key$ Optional
        Resources Limits Requests Claims[Claim
        Claim Name$ Request$
        Mount Name$ ReadOnly? RecursiveReadOnly MountPath$ SubPath$ MountPropagation SubPathExpr$
        Device Name$ DevicePath$
        SecurityContext Capabilities*Capabilities Privileged SELinuxOptions*SELinux WindowsOptions*Windows RunAsUser RunAsGroup RunAsNonRoot ReadOnlyRootFilesystem AllowPrivilegeEscalation ProcMount SeccompProfile*Profile AppArmorProfile*Profile
        Capabilities Add Drop
        SELinux User$ Role$ Type$ Level$
        Windows GMSACredentialSpecName GMSACredentialSpec RunAsUserName HostProcess
        Profile Type$ LocalhostProfile
        """);

    private sealed record Field(string Name, string Json, char Kind, string Shape);

    public static JsonObject Show(string shape, JsonObject? tree)
    {
        var shown = new JsonObject();
        foreach (var field in Shapes[shape])
        {
            JsonNode? value = null;
            tree?.TryGetPropertyValue(field.Json, out value);
            shown[field.Name] = field.Kind switch
            {
                '.' => Show(field.Shape, value as JsonObject),
                '*' => value is JsonObject member ? Show(field.Shape, member) : null,
                '[' => value is JsonArray list ? ShowAll(field.Shape, list) : null,
                '$' => value?.DeepClone() ?? "",
                '#' => value?.DeepClone() ?? 0,
                '?' => value?.DeepClone() ?? false,
                _ => value is JsonObject map ? GoStruct.Map(map) : value?.DeepClone(),
            };
        }

        return shown;
    }

    public static JsonArray ShowAll(string shape, JsonArray list) => new([.. list.Select(item => (JsonNode)Show(shape, item as JsonObject))]);

    private static FrozenDictionary<string, Field[]> Read(string text)
    {
        var shapes = new Dictionary<string, Field[]>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n'))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            shapes[words[0]] = [.. words[1..].Select(ReadField)];
        }

        return shapes.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static Field ReadField(string word)
    {
        var end = word.AsSpan().IndexOfAny("$#?.*[");
        var (names, kind, shape) = end < 0 ? (word, ' ', "") : (word[..end], word[end], word[(end + 1)..]);
        var parts = names.Split('=');
        return new(parts[0], parts.Length > 1 ? parts[1] : GoStruct.JsonName(parts[0]), kind, shape);
    }
}
