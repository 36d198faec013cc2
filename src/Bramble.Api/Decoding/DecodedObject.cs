using System.Text.Json.Nodes;
using Bramble.Api.Naming;

namespace Bramble.Api.Decoding;

/// <summary>How a request's body is written. Protobuf is turned into a tree by its own codec first.</summary>
public enum BodyFormat { Json, Yaml }

/// <summary>What an unknown or duplicate field does: the fieldValidation query parameter.</summary>
public enum FieldValidation { Ignore, Warn, Strict }

/// <summary>An object as a Go struct round trip would leave it.</summary>
/// <param name="Kind">What the body says it is; parts the body leaves out come from what was expected.</param>
/// <param name="Warnings">Unknown and duplicate fields, empty unless <see cref="FieldValidation.Warn"/> was asked.</param>
public sealed record DecodedObject(JsonObject Tree, GroupVersionKind Kind, IReadOnlyList<string> Warnings);
