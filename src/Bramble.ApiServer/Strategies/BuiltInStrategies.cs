using System.Collections.Frozen;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.ApiServer.Strategies;

/// <summary>The strategies of all built-in resources, written out.</summary>
public static class BuiltInStrategies
{
    /// <param name="client">Writes IPAddress objects; asked for when the first Service is written, so that the pipeline it needs can be made from these.</param>
    public static FrozenDictionary<GroupResource, KindStrategy> All(ServiceNetwork network, Func<IKubeClient> client) => new Dictionary<GroupResource, KindStrategy>
    {
        [new("", "configmaps")] = new ConfigMapStrategy(),
        [new("", "endpoints")] = new EndpointsStrategy(),
        [new("", "events")] = new EventStrategy("involvedObject"),
        [new("", "limitranges")] = new LimitRangeStrategy(),
        [new("", "namespaces")] = new NamespaceStrategy(),
        [new("", "nodes")] = new NodeStrategy(),
        [new("", "persistentvolumeclaims")] = new PersistentVolumeClaimStrategy(),
        [new("", "persistentvolumes")] = new PersistentVolumeStrategy(),
        [new("", "pods")] = new PodStrategy(),
        [new("", "podtemplates")] = new PodTemplateStrategy(),
        [new("", "replicationcontrollers")] = new ReplicationControllerStrategy(),
        [new("", "resourcequotas")] = new ResourceQuotaStrategy(),
        [new("", "secrets")] = new SecretStrategy(),
        [new("", "serviceaccounts")] = new ServiceAccountStrategy(),
        [new("", "services")] = new ServiceStrategy(
            new ServiceFamilies(network),
            new ServiceAllocation(new ClusterIpAllocator(network, client), new NodePortAllocator(network))),
        [new("admissionregistration.k8s.io", "mutatingadmissionpolicies")] = new AdmissionPolicyStrategy(isMutating: true),
        [new("admissionregistration.k8s.io", "mutatingadmissionpolicybindings")] = new AdmissionPolicyBindingStrategy(isMutating: true),
        [new("admissionregistration.k8s.io", "mutatingwebhookconfigurations")] = new WebhookConfigurationStrategy(isMutating: true),
        [new("admissionregistration.k8s.io", "validatingadmissionpolicies")] = new AdmissionPolicyStrategy(isMutating: false),
        [new("admissionregistration.k8s.io", "validatingadmissionpolicybindings")] = new AdmissionPolicyBindingStrategy(isMutating: false),
        [new("admissionregistration.k8s.io", "validatingwebhookconfigurations")] = new WebhookConfigurationStrategy(isMutating: false),
        [new("apiextensions.k8s.io", "customresourcedefinitions")] = new CustomResourceDefinitionStrategy(),
        [new("apiregistration.k8s.io", "apiservices")] = new APIServiceStrategy(),
        [new("apps", "controllerrevisions")] = new ControllerRevisionStrategy(),
        [new("apps", "daemonsets")] = new DaemonSetStrategy(),
        [new("apps", "deployments")] = new DeploymentStrategy(),
        [new("apps", "replicasets")] = new ReplicaSetStrategy(),
        [new("apps", "statefulsets")] = new StatefulSetStrategy(),
        [new("autoscaling", "horizontalpodautoscalers")] = new HorizontalPodAutoscalerStrategy(),
        [new("batch", "cronjobs")] = new CronJobStrategy(),
        [new("batch", "jobs")] = new JobStrategy(),
        [new("certificates.k8s.io", "certificatesigningrequests")] = new CertificateSigningRequestStrategy(),
        [new("coordination.k8s.io", "leases")] = new LeaseStrategy(),
        [new("discovery.k8s.io", "endpointslices")] = new EndpointSliceStrategy(),
        [new("events.k8s.io", "events")] = new EventStrategy("regarding"),
        [new("flowcontrol.apiserver.k8s.io", "flowschemas")] = new FlowSchemaStrategy(),
        [new("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations")] = new PriorityLevelConfigurationStrategy(),
        [new("networking.k8s.io", "ingressclasses")] = new IngressClassStrategy(),
        [new("networking.k8s.io", "ingresses")] = new IngressStrategy(),
        [new("networking.k8s.io", "ipaddresses")] = new IPAddressStrategy(),
        [new("networking.k8s.io", "networkpolicies")] = new NetworkPolicyStrategy(),
        [new("networking.k8s.io", "servicecidrs")] = new ServiceCIDRStrategy(),
        [new("node.k8s.io", "runtimeclasses")] = new RuntimeClassStrategy(),
        [new("policy", "poddisruptionbudgets")] = new PodDisruptionBudgetStrategy(),
        [new("rbac.authorization.k8s.io", "clusterrolebindings")] = new RoleBindingStrategy(isClusterScoped: true),
        [new("rbac.authorization.k8s.io", "clusterroles")] = new RoleStrategy(isClusterScoped: true),
        [new("rbac.authorization.k8s.io", "rolebindings")] = new RoleBindingStrategy(isClusterScoped: false),
        [new("rbac.authorization.k8s.io", "roles")] = new RoleStrategy(isClusterScoped: false),
        [new("resource.k8s.io", "deviceclasses")] = new DeviceClassStrategy(),
        [new("resource.k8s.io", "resourceclaims")] = new ResourceClaimStrategy(),
        [new("resource.k8s.io", "resourceclaimtemplates")] = new ResourceClaimTemplateStrategy(),
        [new("resource.k8s.io", "resourceslices")] = new ResourceSliceStrategy(),
        [new("scheduling.k8s.io", "priorityclasses")] = new PriorityClassStrategy(),
        [new("storage.k8s.io", "csidrivers")] = new CSIDriverStrategy(),
        [new("storage.k8s.io", "csinodes")] = new CSINodeStrategy(),
        [new("storage.k8s.io", "csistoragecapacities")] = new CSIStorageCapacityStrategy(),
        [new("storage.k8s.io", "storageclasses")] = new StorageClassStrategy(),
        [new("storage.k8s.io", "volumeattachments")] = new VolumeAttachmentStrategy(),
        [new("storage.k8s.io", "volumeattributesclasses")] = new VolumeAttributesClassStrategy(),
    }.ToFrozenDictionary();
}
