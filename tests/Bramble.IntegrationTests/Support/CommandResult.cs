namespace Bramble.IntegrationTests.Support;

/// <summary>How a command ended and what it printed.</summary>
internal sealed record CommandResult(string Command, int ExitCode, string Output, string Errors)
{
    /// <summary>Its output, without the white space around it; fails the test with everything it said when it did not end with 0.</summary>
    public string Succeeded()
    {
        if (ExitCode != 0) throw new UnexpectedException($"{Command}: exit code {ExitCode}\n{Output}\n{Errors}");
        return Output.Trim();
    }

    /// <summary>What it said on standard error; fails the test when it ended with 0.</summary>
    public string Failed()
    {
        if (ExitCode == 0) throw new UnexpectedException($"{Command}: exit code 0, a failure was expected\n{Output}\n{Errors}");
        return Errors.Trim();
    }
}
