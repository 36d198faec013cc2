using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What the kubelet may say of a container in a Pod's status: whom it runs as, and how its devices are.</summary>
internal static class ContainerStatusRules
{
    private static readonly (string Statuses, string? Containers)[] Lists =
        [("containerStatuses", "containers"), ("initContainerStatuses", "initContainers"), ("ephemeralContainerStatuses", null)];

    private static readonly string[] Health = ["Healthy", "Unhealthy", "Unknown"];

    public static void Validate(JsonObject status, JsonObject spec, FieldErrors errors)
    {
        foreach (var (list, _) in Lists)
            foreach (var (index, container) in status.Items(list)) User(container, spec, FieldPath.Status.Child(list).Index(index).Child("user", "linux"), errors);
        foreach (var (list, containers) in Lists)
        {
            foreach (var (index, container) in status.Items(list))
            {
                var path = FieldPath.Status.Child(list).Index(index).Child("allocatedResourcesStatus");
                if (containers is not null) Allocated(container, Container(spec, containers, container.Text("name")), path, errors);
                else if (container.Count("allocatedResourcesStatus") > 0) errors.Forbidden(path, "must not be specified in container status");
            }
        }
    }

    private static JsonObject? Container(JsonObject spec, string list, string name)
    {
        foreach (var (_, container) in spec.Items(list))
            if (container.Text("name") == name) return container;
        return null;
    }

    private static void User(JsonObject container, JsonObject spec, FieldPath path, FieldErrors errors)
    {
        if (container.Object("user").Object("linux") is not { } user) return;
        switch (spec.Object("os").TextOrNull("name") ?? "linux")
        {
            case "windows":
                errors.Forbidden(path, "cannot be set for a windows pod");
                break;
            case "linux":
                NumberRules.Id(user.Long("uid"), path.Child("uid"), errors);
                NumberRules.Id(user.Long("gid"), path.Child("gid"), errors);
                var index = 0;
                foreach (var group in user.Array("supplementalGroups") ?? []) NumberRules.Id(group.AsLong(), path.Child("supplementalGroups").Index(index++), errors);
                break;
        }
    }

    private static void Allocated(JsonObject status, JsonObject? container, FieldPath path, FieldErrors errors)
    {
        foreach (var (index, resource) in status.Items("allocatedResourcesStatus"))
        {
            var (at, name) = (path.Index(index), resource.Text("name"));
            if (container is not null && !IsOfContainer(name, container))
                errors.Invalid(
                    at.Child("name"),
                    name,
                    name.StartsWith("claim:", StringComparison.Ordinal)
                        ? "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
                        : "must match one of the container's resource requests");
            var seen = new HashSet<string>(StringComparer.Ordinal);
            foreach (var (position, device) in resource.Items("resources"))
            {
                var (deviceAt, health, id) = (at.Child("resources").Index(position), device.Text("health"), device.Text("resourceID"));
                if (!Health.Contains(health)) errors.NotSupported(deviceAt.Child("health"), health, Health);
                if (device.TextOrNull("message") is { Length: 0 }) errors.Required(deviceAt.Child("message"), "must be non-empty if specified");
                if (Encoding.UTF8.GetByteCount(device.Text("message")) > 1024) errors.TooLong(deviceAt.Child("message"), 1024);
                if (!seen.Add(id)) errors.Duplicate(deviceAt.Child("resourceID"), id);
            }
        }
    }

    private static bool IsOfContainer(string name, JsonObject container)
    {
        if (!name.StartsWith("claim:", StringComparison.Ordinal)) return container.Object("resources").Object("requests").Has(name);
        foreach (var (_, claim) in container.Object("resources").Items("claims"))
            if (name == (claim.Text("request") is { Length: > 0 } request ? $"claim:{claim.Text("name")}/{request}" : $"claim:{claim.Text("name")}")) return true;
        return false;
    }
}
