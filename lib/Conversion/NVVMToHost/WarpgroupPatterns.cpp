//===- WarpgroupPatterns.cpp - Products and registers of warpgroups -------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// wgmma comes as nvvm ops, whose A is in shared memory, and as inline assembly,
// whose A may be in registers. Both become the same calls.
//
//===----------------------------------------------------------------------===//

#include "AssemblyText.h"
#include "Simulation.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mlir::mfa;
namespace sim = ::mfa::sim;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

namespace {
/// A product, whichever way it is written.
struct ProductCall {
  uint32_t form = 0;
  uint32_t columns = 0;
  SmallVector<Value> accumulators;
  /// Four registers, or a descriptor.
  SmallVector<Value> a;
  Value b;
  /// An i1.
  Value accumulates;

  /// Calls the runtime. The slot holds the accumulators behind it.
  void emit(Simulation &simulation, OpBuilder &builder, Operation *op) const {
    Location loc = op->getLoc();
    Simulation::storeToSlot(builder, op, accumulators);
    Value descriptor = a.front();
    if (form & sim::kProductARegisters) {
      Simulation::storeToSlot(builder, op, a, sim::kProductAWord);
      descriptor = Simulation::createI64(builder, loc, 0);
    }
    Value flag =
        LLVM::ZExtOp::create(builder, loc, builder.getI32Type(), accumulates);
    simulation.callRuntime(
        builder, op, "mfaSimProduct", {},
        {descriptor, b, flag, Simulation::createI32(builder, loc, form)});
  }
};
} // namespace

/// The word for a product without its flags; nothing for one that is not
/// simulated.
static std::optional<uint32_t> getForm(StringRef type, int64_t m, int64_t n,
                                       int64_t k) {
  if (m != 64 || n < 8 || n > sim::kProductMaxColumns || n % 8)
    return std::nullopt;
  auto kind = llvm::StringSwitch<std::optional<sim::ProductType>>(type)
                  .Case("f16", sim::ProductType::F16)
                  .Case("bf16", sim::ProductType::BF16)
                  .Case("tf32", sim::ProductType::TF32)
                  .Default(std::nullopt);
  if (!kind || k != (*kind == sim::ProductType::TF32 ? 8 : 16))
    return std::nullopt;
  return static_cast<uint32_t>(*kind) | static_cast<uint32_t>(n / 8)
                                            << sim::kProductColumnsShift;
}

static constexpr llvm::StringLiteral kExpectedProduct =
    "expected a product of f16, bf16 or tf32 with f32 accumulators, 64 rows "
    "and a multiple of 8 columns up to 256";

namespace {

struct ProductPattern : SimulationPattern<NVVM::WgmmaMmaAsyncOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(NVVM::WgmmaMmaAsyncOp op,
                                PatternRewriter &rewriter) const override {
    NVVM::MMAShapeAttr shape = op.getShape();
    auto form = getForm(NVVM::stringifyWGMMATypes(op.getTypeA()), shape.getM(),
                        shape.getN(), shape.getK());
    if (!form || op.getTypeA() != op.getTypeB() ||
        op.getTypeD() != NVVM::WGMMATypes::f32)
      return rewriter.notifyMatchFailure(op, kExpectedProduct);
    ProductCall call;
    call.form = *form;
    if (op.getScaleA() == NVVM::WGMMAScaleIn::neg)
      call.form |= sim::kProductNegatesA;
    if (op.getScaleB() == NVVM::WGMMAScaleIn::neg)
      call.form |= sim::kProductNegatesB;
    if (op.getLayoutA() == NVVM::MMALayout::col)
      call.form |= sim::kProductAMNMajor;
    if (op.getLayoutB() == NVVM::MMALayout::row)
      call.form |= sim::kProductBMNMajor;
    Location loc = op.getLoc();
    auto type = cast<LLVM::LLVMStructType>(op.getInouts().getType());
    for (int64_t i = 0, e = type.getBody().size(); i < e; ++i)
      call.accumulators.push_back(
          LLVM::ExtractValueOp::create(rewriter, loc, op.getInouts(), i));
    call.a.push_back(op.getDescriptorA());
    call.b = op.getDescriptorB();
    call.accumulates = LLVM::ConstantOp::create(
        rewriter, loc,
        rewriter.getBoolAttr(op.getScaleD() == NVVM::WGMMAScaleOut::one));
    call.emit(simulation, rewriter, op);
    rewriter.replaceOp(
        op, Simulation::loadStructFromSlot(rewriter, op, op.getType()));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Inline assembly
//===----------------------------------------------------------------------===//

/// Executes the instructions of one inline assembly on the values of its
/// references. Each instruction is checked in a first round, which changes
/// nothing, and written in a second one.
class Assembly {
public:
  Assembly(Simulation &simulation, OpBuilder &builder, LLVM::InlineAsmOp op,
           const AssemblyConstraints &constraints)
      : simulation(simulation), builder(builder), op(op),
        outputs(constraints.outputs), ties(constraints.ties) {}

  /// Runs one round; `reason` says why an instruction is not simulated.
  LogicalResult run(ArrayRef<AssemblyInstruction> instructions, bool writes,
                    std::string &reason);

  /// What the op yields.
  Value getResult();

private:
  LogicalResult execute(const AssemblyInstruction &instruction);
  LogicalResult compare(const AssemblyInstruction &instruction);
  LogicalResult multiply(const AssemblyInstruction &instruction);
  LogicalResult readShape(StringRef name, ProductCall &call);
  void callWithNumbers(StringRef function, ArrayRef<uint32_t> numbers) {
    if (!isWriting)
      return;
    SmallVector<Value> arguments;
    for (uint32_t number : numbers)
      arguments.push_back(Simulation::createI32(builder, op.getLoc(), number));
    simulation.callRuntime(builder, op, function, {}, arguments);
  }

  /// The value of a reference, or null.
  Value getValue(const AssemblyOperand &operand) const;
  /// The value of a reference or number as an i32, made in the second round.
  LogicalResult getWord(const AssemblyOperand &operand, Value &word);
  /// The value of a number that is known, or nothing.
  std::optional<int64_t> getNumber(const AssemblyOperand &operand) const;
  /// The values of a list or of a single reference.
  bool getValues(const AssemblyOperand &operand,
                 SmallVectorImpl<Value> &result) const;

  Simulation &simulation;
  OpBuilder &builder;
  LLVM::InlineAsmOp op;
  /// The current value of each output, null without one.
  SmallVector<Value> outputs;
  ArrayRef<int> ties;
  /// Predicates that an instruction before sets, and their values.
  llvm::StringSet<> isDefined;
  llvm::StringMap<Value> predicates;
  bool isWriting = false;
};

} // namespace

LogicalResult Assembly::run(ArrayRef<AssemblyInstruction> instructions,
                            bool writes, std::string &reason) {
  isWriting = writes;
  isDefined.clear();
  for (auto [i, tie] : llvm::enumerate(ties))
    if (tie >= 0 && static_cast<size_t>(tie) < outputs.size())
      outputs[tie] = op.getOperands()[i];
  for (const AssemblyInstruction &instruction : instructions)
    if (failed(execute(instruction))) {
      reason = ("instruction '" + instruction.name + "'").str();
      return failure();
    }
  return success();
}

Value Assembly::getResult() {
  Location loc = op.getLoc();
  auto orPoison = [&](Value value, Type type) {
    return value ? value : LLVM::PoisonOp::create(builder, loc, type);
  };
  Type type = op.getResult(0).getType();
  auto structType = dyn_cast<LLVM::LLVMStructType>(type);
  if (!structType)
    return orPoison(outputs.front(), type);
  Value result = LLVM::PoisonOp::create(builder, loc, type);
  for (auto [i, value, field] : llvm::enumerate(outputs, structType.getBody()))
    result = LLVM::InsertValueOp::create(
        builder, loc, result, orPoison(value, field), static_cast<int64_t>(i));
  return result;
}

Value Assembly::getValue(const AssemblyOperand &operand) const {
  if (operand.kind != AssemblyOperand::Kind::Reference)
    return {};
  uint64_t index = operand.value;
  if (index < outputs.size())
    return outputs[index];
  index -= outputs.size();
  return index < op->getNumOperands() ? op->getOperand(index) : Value();
}

std::optional<int64_t>
Assembly::getNumber(const AssemblyOperand &operand) const {
  if (operand.kind == AssemblyOperand::Kind::Integer)
    return operand.value;
  APInt value;
  if (Value reference = getValue(operand);
      reference && matchPattern(reference, m_ConstantInt(&value)))
    return value.getSExtValue();
  return std::nullopt;
}

bool Assembly::getValues(const AssemblyOperand &operand,
                         SmallVectorImpl<Value> &result) const {
  if (operand.kind != AssemblyOperand::Kind::List) {
    result.push_back(getValue(operand));
    return result.back() != nullptr;
  }
  return llvm::all_of(operand.elements, [&](const AssemblyOperand &element) {
    result.push_back(getValue(element));
    return result.back() != nullptr;
  });
}

LogicalResult Assembly::execute(const AssemblyInstruction &instruction) {
  StringRef name = instruction.name;
  const auto &operands = instruction.operands;
  if (name == "wgmma.fence.sync.aligned" && operands.empty()) {
    callWithNumbers("mfaSimProductFence", {});
    return success();
  }
  if (name == "wgmma.commit_group.sync.aligned" && operands.empty()) {
    callWithNumbers("mfaSimProductCommit", {});
    return success();
  }
  if (name == "wgmma.wait_group.sync.aligned" && operands.size() == 1) {
    std::optional<int64_t> pending = getNumber(operands[0]);
    if (!pending)
      return failure();
    callWithNumbers("mfaSimProductWait", static_cast<uint32_t>(*pending));
    return success();
  }
  if (name.starts_with("setp."))
    return compare(instruction);
  if (name.starts_with("wgmma.mma_async.sync.aligned."))
    return multiply(instruction);
  return failure();
}

LogicalResult Assembly::compare(const AssemblyInstruction &instruction) {
  SmallVector<StringRef> parts;
  instruction.name.split(parts, '.');
  const auto &operands = instruction.operands;
  if (parts.size() != 3 || operands.size() != 3 ||
      (parts[1] != "ne" && parts[1] != "eq") ||
      (parts[2] != "b32" && parts[2] != "s32" && parts[2] != "u32"))
    return failure();
  Value values[2];
  for (auto [value, operand] :
       llvm::zip_equal(values, ArrayRef(operands).drop_front()))
    if (failed(getWord(operand, value)))
      return failure();
  Value &predicate = predicates[operands[0].name];
  isDefined.insert(operands[0].name);
  if (isWriting)
    predicate = LLVM::ICmpOp::create(builder, op.getLoc(),
                                     parts[1] == "ne" ? LLVM::ICmpPredicate::ne
                                                      : LLVM::ICmpPredicate::eq,
                                     values[0], values[1]);
  return success();
}

LogicalResult Assembly::getWord(const AssemblyOperand &operand, Value &word) {
  if (operand.kind == AssemblyOperand::Kind::Integer) {
    if (isWriting)
      word = Simulation::createI32(builder, op.getLoc(),
                                   static_cast<uint32_t>(operand.value));
    return success();
  }
  word = getValue(operand);
  return success(word && word.getType().isInteger(32));
}

/// Reads `m64n128k16.f32.bf16.bf16`.
LogicalResult Assembly::readShape(StringRef name, ProductCall &call) {
  int64_t m, n, k;
  if (!name.consume_front("m") || name.consumeInteger(10, m) ||
      !name.consume_front("n") || name.consumeInteger(10, n) ||
      !name.consume_front("k") || name.consumeInteger(10, k))
    return failure();
  SmallVector<StringRef> types;
  name.split(types, '.', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  if (types.size() != 3 || types[0] != "f32" || types[1] != types[2])
    return failure();
  std::optional<uint32_t> form = getForm(types[1], m, n, k);
  if (!form)
    return failure();
  call.form = *form;
  call.columns = n;
  return success();
}

LogicalResult Assembly::multiply(const AssemblyInstruction &instruction) {
  StringRef name = instruction.name;
  name.consume_front("wgmma.mma_async.sync.aligned.");
  ProductCall call;
  ArrayRef<AssemblyOperand> operands = instruction.operands;
  if (failed(readShape(name, call)) || operands.size() < 6)
    return failure();

  // D: outputs, whose values before are the accumulators.
  const AssemblyOperand &d = operands[0];
  if (d.kind != AssemblyOperand::Kind::List ||
      d.elements.size() != call.columns / 2)
    return failure();
  for (const AssemblyOperand &element : d.elements) {
    if (element.kind != AssemblyOperand::Kind::Reference ||
        static_cast<uint64_t>(element.value) >= outputs.size())
      return failure();
    call.accumulators.push_back(outputs[element.value]);
  }

  if (!getValues(operands[1], call.a))
    return failure();
  const bool inRegisters = operands[1].kind == AssemblyOperand::Kind::List;
  if (call.a.size() != (inRegisters ? 4 : 1))
    return failure();
  if (inRegisters)
    call.form |= sim::kProductARegisters;
  call.b = getValue(operands[2]);
  if (!call.b || !call.b.getType().isInteger(64))
    return failure();

  if (operands[3].kind != AssemblyOperand::Kind::Register ||
      !isDefined.contains(operands[3].name))
    return failure();
  call.accumulates = predicates.lookup(operands[3].name);

  // Signs, and for types of 16 bits the majors of what is in shared memory.
  SmallVector<int64_t> flags;
  for (const AssemblyOperand &operand : operands.drop_front(4)) {
    std::optional<int64_t> flag = getNumber(operand);
    if (!flag)
      return failure();
    flags.push_back(*flag);
  }
  const bool hasMajors = (call.form & sim::kProductTypeMask) !=
                         static_cast<uint32_t>(sim::ProductType::TF32);
  if (flags.size() != 2u + (hasMajors ? (inRegisters ? 1 : 2) : 0))
    return failure();
  if (flags[0] < 0)
    call.form |= sim::kProductNegatesA;
  if (flags[1] < 0)
    call.form |= sim::kProductNegatesB;
  if (hasMajors && flags.back())
    call.form |= sim::kProductBMNMajor;
  if (hasMajors && !inRegisters && flags[2])
    call.form |= sim::kProductAMNMajor;
  if (!isWriting)
    return success();

  for (auto [i, value] : llvm::enumerate(call.accumulators))
    if (!value)
      value =
          LLVM::PoisonOp::create(builder, op.getLoc(), builder.getF32Type());
  call.emit(simulation, builder, op);
  for (auto [i, element] : llvm::enumerate(d.elements))
    outputs[element.value] =
        Simulation::loadFromSlot(builder, op, builder.getF32Type(), i);
  return success();
}

namespace {
/// Inline assembly of the instructions above, or of none, which hides values
/// from LLVM.
struct InlineAsmPattern : SimulationPattern<LLVM::InlineAsmOp> {
  using SimulationPattern::SimulationPattern;

  LogicalResult matchAndRewrite(LLVM::InlineAsmOp op,
                                PatternRewriter &rewriter) const override {
    std::string reason;
    auto instructions = parseAssembly(op.getAsmString(), reason);
    auto constraints = parseConstraints(op.getConstraints());
    if (failed(instructions))
      return rewriter.notifyMatchFailure(op, reason);
    if (failed(constraints) ||
        constraints->ties.size() != op.getOperands().size())
      return rewriter.notifyMatchFailure(op, "constraints not understood");
    Assembly assembly(simulation, rewriter, op, *constraints);
    if (failed(assembly.run(*instructions, /*writes=*/false, reason)))
      return rewriter.notifyMatchFailure(op, reason);
    (void)assembly.run(*instructions, /*writes=*/true, reason);
    if (op->getNumResults())
      rewriter.replaceOp(op, assembly.getResult());
    else
      rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void mlir::mfa::populateWarpgroupPatterns(Simulation &simulation,
                                          RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.add<ProductPattern, InlineAsmPattern>(context, simulation);
  patterns.add<RuntimeCallPattern<NVVM::WgmmaFenceAlignedOp>>(
      context, simulation, "mfaSimProductFence");
  patterns.add<RuntimeCallPattern<NVVM::WgmmaGroupSyncAlignedOp>>(
      context, simulation, "mfaSimProductCommit");
  patterns.add<RuntimeCallPattern<NVVM::WgmmaWaitGroupSyncOp>>(
      context, simulation, "mfaSimProductWait",
      [](NVVM::WgmmaWaitGroupSyncOp op,
         OpBuilder &builder) -> SmallVector<Value> {
        return {Simulation::createI32(builder, op.getLoc(), op.getGroup())};
      });
  patterns.add<RuntimeCallPattern<NVVM::SetMaxRegisterOp>>(
      context, simulation, "mfaSimSetRegisters",
      [](NVVM::SetMaxRegisterOp op, OpBuilder &builder) -> SmallVector<Value> {
        bool increases = op.getAction() == NVVM::SetMaxRegisterAction::increase;
        return {Simulation::createI32(builder, op.getLoc(), op.getRegCount()),
                Simulation::createI32(builder, op.getLoc(), increases)};
      });
}
