using Bramble.Commands;

namespace Bramble.Tests.Flags;

public class TokenLifeTests
{
    [Theory]
    [InlineData(-5, "<invalid>")]
    [InlineData(59, "59s")]
    [InlineData(60, "1m")]
    [InlineData(86_399, "23h")]
    [InlineData(86_400, "1d")]
    [InlineData(400 * 86_400, "1y")]
    public void What_is_left_of_a_token_is_its_largest_unit(int seconds, string expected) => Assert.Equal(expected, TokenCommand.Left(TimeSpan.FromSeconds(seconds)));
}
