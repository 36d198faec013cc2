namespace Bramble.Flags;

/// <summary>How a flag's text is understood.</summary>
internal enum FlagKind { Text, Switch, List, Number, Duration }

/// <summary>One flag, declared once: this feeds the parser, the help and the error for a misspelt name.</summary>
/// <param name="Name">Long name without dashes, K3s'.</param>
/// <param name="Aliases">Other names, one letter or long.</param>
/// <param name="Variable">Environment variable that gives the value when neither command line nor config file does.</param>
/// <param name="Missing">Not null: a K3s flag that Bramble does not have yet; using it is an error that ends with this text.</param>
internal sealed record Flag(string Name, FlagKind Kind, string Help, string[]? Aliases = null, string? Variable = null, string? Default = null, string? Missing = null);

/// <summary>Something is wrong with the command line, the environment or the config file. The message is one line with cause and fix.</summary>
internal sealed class UsageException(string message) : Exception(message);
