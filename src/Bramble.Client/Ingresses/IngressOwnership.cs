using k8s.Models;

namespace Bramble.Client.Ingresses;

/// <summary>Which Ingresses the built-in ingress serves and which Secrets it needs for them. Pure; the proxy on every node and the Node authorizer, which lets
/// nodes read exactly these Secrets, must agree about it.</summary>
public static class IngressOwnership
{
    /// <summary>What K3s' Traefik calls itself in <c>IngressClass.spec.controller</c>: charts and users know the name.</summary>
    public const string Controller = "traefik.io/ingress-controller";

    /// <summary>The class that a cluster has from the start, as in K3s.</summary>
    public const string ClassName = "traefik";

    private const string OldClassAnnotation = "kubernetes.io/ingress.class";

    /// <param name="controllerOf">The controller of an IngressClass; null: there is none of that name.</param>
    public static bool IsServed(V1Ingress ingress, Func<string, string?> controllerOf)
    {
        if (ingress.Spec?.IngressClassName is { Length: > 0 } name) return controllerOf(name) == Controller;
        string? old = null;
        ingress.Metadata.Annotations?.TryGetValue(OldClassAnnotation, out old);
        // Without any class it was made before there was a default class; Traefik takes it too.
        return string.IsNullOrEmpty(old) || old == ClassName;
    }

    /// <summary>Names of the Secrets, in the Ingress' own namespace.</summary>
    public static IEnumerable<string> SecretsOf(V1Ingress ingress) =>
        (ingress.Spec?.Tls ?? []).Select(tls => tls.SecretName).Where(name => !string.IsNullOrEmpty(name)).Distinct(StringComparer.Ordinal);
}
