using System.Text.Json.Nodes;
using Bramble.Api.Apply;
using Bramble.Api.Naming;
using Bramble.ApiServer.Admission;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Requests;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Verbs;

/// <summary>The frame of one write: what it is about, who asks, how.</summary>
internal sealed record WriteContext(ServedResource Resource, NamespacedName Name, string Subresource, ApiRequest Request, WriteOptions Options, IResourceReader Reader, TimeProvider Time, IAuthorizer Authorizer)
{
    /// <summary>Null: chance decides.</summary>
    public Random? Seeded { get; init; }

    /// <summary>The objects of a definition that goes: nobody can refuse that.</summary>
    public bool SkipsAdmission { get; init; }

    public bool IsDryRun => Options.IsDryRun;

    /// <summary>The strategy's rules for the whole object count: also for a scale, which is another look at its parent.</summary>
    public bool WritesParent => Subresource is "" or "scale";

    public StrategyContext Strategy => new(Reader, Request.User, Time.GetUtcNow(), Subresource, IsDryRun) { Authorizer = Authorizer, Verb = Request.Info.Verb };

    public FieldWrite FieldWrite => new(Resource.Type, Resource.Kind, Resource.GroupResource, Subresource, Options.Manager, Time.GetUtcNow())
    {
        HasStatus = Resource.Api.FindSubresource("status") is not null,
    };

    /// <param name="kind">Of what is sent to a subresource; null: the resource's own.</param>
    public AdmissionRequest Admission(AdmissionOperation operation, JsonObject? obj, JsonObject? old, GroupVersionKind? kind = null) => new()
    {
        Operation = operation,
        Kind = kind ?? Resource.Kind,
        Resource = Resource.GroupResource,
        Version = Resource.Api.Version,
        Subresource = Subresource,
        // A Namespace is "in" itself for admission.
        Namespace = Resource.GroupResource is { Group: "", Resource: "namespaces" } ? Name.Name : Name.Namespace,
        Name = Name.Name,
        User = Request.User,
        Object = obj,
        OldObject = old,
        Options = operation switch
        {
            AdmissionOperation.Create => Options.TreeAs("CreateOptions"),
            AdmissionOperation.Update => Options.TreeAs("UpdateOptions"),
            _ => Options.Tree,
        },
        IsDryRun = IsDryRun,
        ResourceType = Resource.Type,
        Reader = Reader,
    };

    /// <summary>Moves the warnings of an admission chain to the answer.</summary>
    public void Take(AdmissionRequest admission)
    {
        Request.Warnings.AddRange(admission.Warnings);
        admission.Warnings.Clear();
    }
}
