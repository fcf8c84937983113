using Xunit;

namespace Ferry.Tests.Support;

/// <summary>For tests that take so much of the process that others beside them would fail, and for tests that measure the whole process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
