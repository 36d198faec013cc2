using Bramble.ApiServer.Admission.PodSecurity;
using Bramble.ApiServer.Admission.Policies;
using Bramble.ApiServer.Admission.Quota;
using Bramble.ApiServer.Admission.Webhooks;
using Bramble.ApiServer.Authorization;
using Bramble.Client;

namespace Bramble.ApiServer.Admission;

/// <summary>The plugins that are on by default, and NodeRestriction as K3s has it, in upstream's order.</summary>
public static class AdmissionPlugins
{
    /// <param name="dialPod">How the pods behind a webhook's Service are reached; null: by its cluster address.</param>
    /// <param name="notReadySeconds">So long a pod stays on a node that is not ready, if it does not say.</param>
    /// <param name="unreachableSeconds">The same of a node that is not heard of.</param>
    public static AdmissionChain Compose(
        AuthorizerChain authorizer, RbacAuthorizer rbac, Func<IKubeClient> client, TimeProvider time, Func<string, int, CancellationToken, ValueTask<Stream>>? dialPod = null,
        int notReadySeconds = 300, int unreachableSeconds = 300) => new(
    [
        new NamespaceLifecycle(),
        new LimitRanger(),
        new ServiceAccountAdmission(time),
        new NodeRestriction(authorizer),
        new TaintNodesByCondition(),
        new PodSecurityAdmission(),
        new PriorityAdmission(),
        new DefaultTolerationSeconds(notReadySeconds, unreachableSeconds),
        new DefaultStorageClass(),
        new StorageObjectInUseProtection(),
        new PersistentVolumeClaimResize(),
        new RuntimeClassAdmission(),
        new CertificateApproval(authorizer),
        new CertificateSigning(authorizer),
        new CertificateSubjectRestriction(),
        new DefaultIngressClass(),
        new PodTopologyLabels(),
        new NodeDeclaredFeatureValidator(),
        new PodResizeValidator(),
        new MutatingPolicyAdmission(authorizer),
        new MutatingAdmissionWebhook(authorizer, dialPod),
        new RbacEscalation(authorizer, rbac),
        new ValidatingPolicyAdmission(authorizer),
        new ValidatingAdmissionWebhook(authorizer, dialPod),
        new ResourceQuotaAdmission(client, time),
    ]);
}
