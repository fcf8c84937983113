using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;

namespace Ferry.Tests.Architecture;

/// <summary>What the code of an assembly refers to, read from its instructions, fields and signatures.</summary>
internal static class CodeReferences
{
    private const BindingFlags Declared =
        BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance;

    private static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes).GetFields()
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => code.Value);

    /// <summary>Each member or type used, with the outermost type that uses it: lambdas and async methods count for the type they are written in.</summary>
    public static IEnumerable<(Type User, MemberInfo Used)> Of(Assembly assembly) =>
        from type in assembly.GetTypes()
        from used in Of(type)
        select (Outermost(type), used);

    /// <summary>The types that a member drags in: itself or the type that declares it, and their type arguments.</summary>
    public static IEnumerable<Type> TypesIn(MemberInfo member)
    {
        Type? type = member as Type ?? member.DeclaringType;
        if (type is null)
        {
            return [];
        }
        return type.HasElementType ? TypesIn(type.GetElementType()!) : [type, .. type.GetGenericArguments().SelectMany(TypesIn)];
    }

    private static IEnumerable<MemberInfo> Of(Type type)
    {
        IEnumerable<MemberInfo> shape = [.. type.GetInterfaces(), .. type.GetFields(Declared).Select(field => field.FieldType)];
        IEnumerable<MethodBase> methods = [.. type.GetMethods(Declared), .. type.GetConstructors(Declared)];
        return [.. type.BaseType is null ? shape : shape.Append(type.BaseType), .. methods.SelectMany(Of)];
    }

    private static IEnumerable<MemberInfo> Of(MethodBase method)
    {
        MethodBody? body = method.GetMethodBody();
        IEnumerable<MemberInfo> signature = method.GetParameters().Select(parameter => parameter.ParameterType);
        IEnumerable<MemberInfo> locals = body?.LocalVariables.Select(local => local.LocalType) ?? [];
        IEnumerable<MemberInfo> result = method is MethodInfo { ReturnType: Type returned } ? [returned] : [];
        return [.. result, .. signature, .. locals, .. body is null ? [] : Instructions(method, body.GetILAsByteArray()!)];
    }

    private static List<MemberInfo> Instructions(MethodBase method, byte[] code)
    {
        var members = new List<MemberInfo>();
        Type[] typeArguments = method.DeclaringType!.GetGenericArguments();
        Type[] methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : [];
        for (int at = 0; at < code.Length;)
        {
            // An opcode is one byte, or 0xFE and one more.
            OpCode opCode = code[at] == 0xFE ? OpCodesByValue[(short)(0xFE00 | code[at + 1])] : OpCodesByValue[code[at]];
            at += opCode.Size;
            if (opCode.OperandType is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineType or OperandType.InlineTok)
            {
                int token = BinaryPrimitives.ReadInt32LittleEndian(code.AsSpan(at));
                members.Add(method.Module.ResolveMember(token, typeArguments, methodArguments)!);
            }
            at += OperandSize(opCode, code.AsSpan(at));
        }
        return members;
    }

    private static int OperandSize(OpCode opCode, ReadOnlySpan<byte> operand) => opCode.OperandType switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        OperandType.InlineSwitch => 4 + (4 * BinaryPrimitives.ReadInt32LittleEndian(operand)),
        _ => 4,
    };

    private static Type Outermost(Type type) => type.DeclaringType is Type outer ? Outermost(outer) : type;
}
