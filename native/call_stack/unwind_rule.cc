// A reader of .eh_frame: https://refspecs.linuxfoundation.org/LSB_5.0.0/
// LSB-Core-generic/LSB-Core-generic/ehframechpt.html, and the DWARF standard,
// version 5, 6.4, for the instructions in it.

#include "call_stack/unwind_rule.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>

extern "C" {
struct dwarf_eh_bases {
  void* tbase;
  void* dbase;
  void* func;
};
/// Of libgcc, though in no header: what its own unwinder finds tables by.
const void* _Unwind_Find_FDE(void* pc, dwarf_eh_bases* bases);
}

namespace memray_mocha {
namespace {

// The numbers of the x86-64 ABI.
constexpr uint64_t kRbp = 6;
constexpr uint64_t kRsp = 7;
constexpr uint64_t kReturnAddress = 16;

/// Reads bytes that are known to be well-formed.
class Cursor {
 public:
  Cursor(const uint8_t* begin, const uint8_t* end) : next_(begin), end_(end) {}

  bool IsAtEnd() const { return next_ >= end_; }
  const uint8_t* position() const { return next_; }
  void Skip(uint64_t bytes) { next_ += bytes; }

  template <typename T>
  T Read() {
    T value;
    std::memcpy(&value, next_, sizeof value);
    next_ += sizeof value;
    return value;
  }
  uint64_t ReadUnsigned() {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const uint8_t byte = *next_++;
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (!(byte & 0x80)) return value;
    }
  }
  int64_t ReadSigned() {
    uint64_t value = 0;
    int shift = 0;
    uint8_t byte;
    do {
      byte = *next_++;
      value |= uint64_t{byte & 0x7Fu} << shift;
      shift += 7;
    } while (byte & 0x80);
    if (shift < 64 && (byte & 0x40)) value |= ~uint64_t{0} << shift;
    return static_cast<int64_t>(value);
  }

 private:
  const uint8_t* next_;
  const uint8_t* end_;
};

/// @return 0 for an encoding that has no fixed size.
size_t SizeOfPointer(uint8_t encoding) {
  switch (encoding & 0x7) {
    case 0x0:
    case 0x4:
      return 8;
    case 0x2:
      return 2;
    case 0x3:
      return 4;
    default:
      return 0;
  }
}

/// What functions have in common that have the same CIE.
struct Common {
  uint64_t code_alignment;
  int64_t data_alignment;
  uint8_t pointer_encoding = 0;
  bool has_augmentation_data = false;
  Cursor instructions;
};

std::optional<Common> ReadCommon(const uint8_t* cie) {
  Cursor header(cie, cie + 8);
  const auto length = header.Read<uint32_t>();
  if (length == UINT32_MAX) return std::nullopt;
  Cursor cursor(cie + 8, cie + 4 + length);
  const auto version = cursor.Read<uint8_t>();
  const auto* augmentation = reinterpret_cast<const char*>(cursor.position());
  cursor.Skip(std::strlen(augmentation) + 1);
  Common common{1, 1, 0, false, cursor};
  common.code_alignment = cursor.ReadUnsigned();
  common.data_alignment = cursor.ReadSigned();
  const uint64_t return_address =
      version == 1 ? cursor.Read<uint8_t>() : cursor.ReadUnsigned();
  if (return_address != kReturnAddress) return std::nullopt;
  if (*augmentation == 'z') {
    common.has_augmentation_data = true;
    const uint64_t size_bytes = cursor.ReadUnsigned();
    const uint8_t* end = cursor.position() + size_bytes;
    for (const char* letter = augmentation + 1; *letter; ++letter) {
      if (*letter == 'R') {
        common.pointer_encoding = cursor.Read<uint8_t>();
      } else if (*letter == 'L') {
        cursor.Skip(1);
      } else if (*letter == 'P') {
        const size_t pointer_bytes = SizeOfPointer(cursor.Read<uint8_t>());
        if (pointer_bytes == 0) return std::nullopt;
        cursor.Skip(pointer_bytes);
      } else {
        return std::nullopt;  // S: a signal's frame
      }
    }
    cursor.Skip(end - cursor.position());
  } else if (*augmentation != '\0') {
    return std::nullopt;
  }
  common.instructions = cursor;
  return common;
}

/// Carries out the instructions of a table up to an address.
class Row {
 public:
  Row(const Common& common, uintptr_t begin, uintptr_t pc)
      : common_(common), at_(begin), pc_(pc) {}

  /// @return whether all of it could be understood.
  bool Run(Cursor cursor, bool is_common) {
    while (!cursor.IsAtEnd() && at_ <= pc_) {
      const auto code = cursor.Read<uint8_t>();
      const uint8_t operand = code & 0x3F;
      switch (code >> 6) {
        case 0:
          if (!Execute(code, &cursor)) return false;
          break;
        case 1:
          Advance(operand);
          break;
        case 2:
          SetOffset(operand, static_cast<int64_t>(cursor.ReadUnsigned()));
          break;
        case 3:
          Restore(operand);
          break;
      }
    }
    if (is_common) initial_ = now_;
    return true;
  }

  UnwindRule ToRule() const {
    UnwindRule rule;
    if (now_.return_address == kUndefined) {
      rule.kind = UnwindRule::Kind::kEnd;
      return rule;
    }
    if (now_.return_address != -8 || now_.rbp == kUndefined ||
        (now_.base != kRbp && now_.base != kRsp)) {
      return rule;
    }
    rule.kind = UnwindRule::Kind::kFrame;
    rule.is_from_rbp = now_.base == kRbp;
    rule.caller_sp = static_cast<int32_t>(now_.distance);
    rule.saved_rbp = static_cast<int32_t>(now_.rbp);
    return rule;
  }

 private:
  static constexpr int64_t kUndefined = INT64_MAX;

  struct Registers {
    uint64_t base = kRsp;
    int64_t distance = 8;
    int64_t rbp = 0;  // where it is saved; 0: it still has its value
    int64_t return_address = 0;
  };

  void Advance(uint64_t delta) { at_ += delta * common_.code_alignment; }

  int64_t* Slot(uint64_t register_number, Registers* registers) {
    if (register_number == kRbp) return &registers->rbp;
    if (register_number == kReturnAddress) return &registers->return_address;
    return nullptr;
  }
  void Set(uint64_t register_number, int64_t value) {
    if (int64_t* slot = Slot(register_number, &now_)) *slot = value;
  }
  void SetOffset(uint64_t register_number, int64_t factored) {
    Set(register_number, factored * common_.data_alignment);
  }
  void Restore(uint64_t register_number) {
    if (int64_t* slot = Slot(register_number, &initial_))
      Set(register_number, *slot);
  }

  bool Execute(uint8_t code, Cursor* cursor) {
    switch (code) {
      case 0x00:  // nop
        return true;
      case 0x02:
        Advance(cursor->Read<uint8_t>());
        return true;
      case 0x03:
        Advance(cursor->Read<uint16_t>());
        return true;
      case 0x04:
        Advance(cursor->Read<uint32_t>());
        return true;
      case 0x05: {  // offset_extended
        const uint64_t number = cursor->ReadUnsigned();
        SetOffset(number, static_cast<int64_t>(cursor->ReadUnsigned()));
        return true;
      }
      case 0x06:  // restore_extended
        Restore(cursor->ReadUnsigned());
        return true;
      case 0x07:  // undefined
        Set(cursor->ReadUnsigned(), kUndefined);
        return true;
      case 0x08:  // same_value
        Set(cursor->ReadUnsigned(), 0);
        return true;
      case 0x0A:  // remember_state
        if (remembered_count_ == remembered_.size()) return false;
        remembered_[remembered_count_++] = now_;
        return true;
      case 0x0B:  // restore_state
        if (remembered_count_ == 0) return false;
        now_ = remembered_[--remembered_count_];
        return true;
      case 0x0C:  // def_cfa
        now_.base = cursor->ReadUnsigned();
        now_.distance = static_cast<int64_t>(cursor->ReadUnsigned());
        return true;
      case 0x0D:  // def_cfa_register
        now_.base = cursor->ReadUnsigned();
        return true;
      case 0x0E:  // def_cfa_offset
        now_.distance = static_cast<int64_t>(cursor->ReadUnsigned());
        return true;
      case 0x10:    // expression
      case 0x16: {  // val_expression
        const uint64_t number = cursor->ReadUnsigned();
        cursor->Skip(cursor->ReadUnsigned());
        return Slot(number, &now_) == nullptr;
      }
      case 0x2E:  // GNU_args_size
        cursor->ReadUnsigned();
        return true;
      default:  // among them expressions of where the caller's frame is
        return false;
    }
  }

  const Common& common_;
  uintptr_t at_;
  const uintptr_t pc_;
  Registers now_;
  Registers initial_;
  std::array<Registers, 8> remembered_;
  size_t remembered_count_ = 0;
};

UnwindRule ReadTables(uintptr_t pc) {
  dwarf_eh_bases bases;
  const auto* fde = static_cast<const uint8_t*>(
      _Unwind_Find_FDE(reinterpret_cast<void*>(pc), &bases));
  if (!fde) return {UnwindRule::Kind::kEnd};
  Cursor header(fde, fde + 8);
  const auto length = header.Read<uint32_t>();
  const auto to_common = header.Read<int32_t>();
  if (length == UINT32_MAX) return {};
  const std::optional<Common> common = ReadCommon(fde + 4 - to_common);
  if (!common) return {};
  const size_t pointer_bytes = SizeOfPointer(common->pointer_encoding);
  if (pointer_bytes == 0) return {};
  Cursor cursor(header.position() + 2 * pointer_bytes, fde + 4 + length);
  if (common->has_augmentation_data) cursor.Skip(cursor.ReadUnsigned());
  Row row(*common, reinterpret_cast<uintptr_t>(bases.func), pc);
  if (!row.Run(common->instructions, true) || !row.Run(cursor, false))
    return {};
  return row.ToRule();
}

}  // namespace

UnwindRule UnwindRule::Read(uintptr_t pc) {
  UnwindRule rule = ReadTables(pc);
  const int64_t caller_sp = rule.caller_sp / 8;
  const int64_t saved_rbp = rule.saved_rbp / -8;
  if (rule.caller_sp % 8 != 0 || rule.saved_rbp % 8 != 0 || caller_sp < 0 ||
      caller_sp > kMaxCallerSp || saved_rbp < 0 || saved_rbp > kMaxSavedRbp) {
    rule = UnwindRule();
  }
  const uint64_t entry = pc >> kIndexBits << kTagShift |
                         static_cast<uint64_t>(rule.kind) << kKindShift |
                         uint64_t{rule.is_from_rbp} << kFromRbpShift |
                         static_cast<uint64_t>(rule.caller_sp / 8)
                             << kCallerSpShift |
                         static_cast<uint64_t>(rule.saved_rbp / -8);
  known_[pc % known_.size()].store(entry, std::memory_order_relaxed);
  return rule;
}

void UnwindRule::ForgetAll() {
  for (auto& entry : known_) entry.store(0, std::memory_order_relaxed);
  // Last: who sees the new version finds no old rules.
  version_.fetch_add(1, std::memory_order_release);
}

}  // namespace memray_mocha
