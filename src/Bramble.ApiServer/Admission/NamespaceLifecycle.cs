using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>Nothing is created in a namespace that is missing or going; the system namespaces cannot be deleted.</summary>
internal sealed class NamespaceLifecycle : IAdmissionPlugin
{
    private static readonly GroupResource Namespaces = new("", "namespaces");
    private static readonly string[] Immortal = ["default", "kube-system", "kube-public"];

    public string Name => "NamespaceLifecycle";

    public bool Handles(AdmissionRequest request) => request.Operation != AdmissionOperation.Connect;

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        if (request.Resource == Namespaces)
        {
            if (request.Operation == AdmissionOperation.Delete && Immortal.Contains(request.Name)) throw StatusErrors.Forbidden(Namespaces, request.Name, "this namespace may not be deleted");
            return default;
        }
        // Whether the namespace exists is none of a review's business.
        if (request.Namespace.Length == 0 || request.Operation == AdmissionOperation.Delete || request.Is("authorization.k8s.io", "localsubjectaccessreviews")) return default;
        if (request.Reader.Find(Namespaces, new("", request.Namespace)) is not { } found) throw StatusErrors.NotFound(Namespaces, request.Namespace);
        if (request.Operation != AdmissionOperation.Create || found.ToTree().Object("status").Text("phase") != "Terminating") return default;
        var refusal = request.Forbidden($"unable to create new content in namespace {request.Namespace} because it is being terminated").Status;
        var cause = new StatusCause("NamespaceTerminating", $"namespace {request.Namespace} is being terminated", "metadata.namespace");
        throw new StatusException(refusal with { Details = refusal.Details! with { Causes = [cause] } });
    }
}
