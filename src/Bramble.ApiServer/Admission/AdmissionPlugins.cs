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
    /// <param name="settings">Null: the defaults.</param>
    public static AdmissionChain Compose(
        AuthorizerChain authorizer, RbacAuthorizer rbac, Func<IKubeClient> client, TimeProvider time, Func<string, int, CancellationToken, ValueTask<Stream>>? dialPod = null,
        AdmissionSettings? settings = null)
    {
        settings ??= new();
        return new(
        [
            new NamespaceLifecycle(),
            new LimitRanger(),
            new ServiceAccountAdmission(time),
            new NodeRestriction(authorizer),
            new TaintNodesByCondition(),
            new PodSecurityAdmission(settings.PodSecurity),
            new PriorityAdmission(),
            new DefaultTolerationSeconds(settings.NotReadySeconds, settings.UnreachableSeconds),
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
            new ResourceQuotaAdmission(client, time, settings.Limited),
        ]);
    }
}
