//! The files are written here byte by byte, except for one that a real linker wrote: this test itself.

use super::*;

const NEW: &str = "GLIBC_2.38";

/// A 64-bit program for that machine that needs these versions of one library.
fn program(machine: elf::Machine, versions: &[&str], symbols: bool) -> Vec<u8> {
    let (strings, wants) = wanted(versions);
    let wants_at = 64 + strings.len().next_multiple_of(8);
    let sections_at = (wants_at + wants.len()).next_multiple_of(8);
    let mut file = header(machine, sections_at, if symbols { 4 } else { 3 });
    file.extend(&strings);
    file.resize(wants_at, 0);
    file.extend(&wants);
    file.resize(sections_at, 0);
    file.extend(section(elf::SHT_NULL, 0, 0, 0));
    file.extend(section(elf::SHT_STRTAB, 64, strings.len(), 0));
    file.extend(section(elf::SHT_GNU_VERNEED, wants_at, wants.len(), 1));
    if symbols {
        file.extend(section(elf::SHT_SYMTAB, sections_at, 0, 1));
    }
    file
}

fn header(machine: elf::Machine, sections_at: usize, sections: u16) -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    header.extend(3_u16.to_le_bytes());
    header.extend(machine.0.to_le_bytes());
    header.extend(1_u32.to_le_bytes());
    header.extend([0; 16]);
    header.extend((sections_at as u64).to_le_bytes());
    header.extend([0; 4]);
    header.extend([64, 0, 0, 64, sections, 1].into_iter().flat_map(u16::to_le_bytes));
    header
}

fn section(kind: elf::SectionType, at: usize, length: usize, link: u32) -> Vec<u8> {
    let mut section = Vec::new();
    section.extend(0_u32.to_le_bytes());
    section.extend(kind.0.to_le_bytes());
    section.extend([0; 16]);
    section.extend((at as u64).to_le_bytes());
    section.extend((length as u64).to_le_bytes());
    section.extend(link.to_le_bytes());
    section.extend(1_u32.to_le_bytes());
    section.extend([0; 16]);
    section
}

/// The names, and one library's list of them.
fn wanted(versions: &[&str]) -> (Vec<u8>, Vec<u8>) {
    let mut strings = b"\0libc.so.6\0".to_vec();
    let mut wants = Vec::new();
    for number in [1_u16, versions.len() as u16] {
        wants.extend(number.to_le_bytes());
    }
    for number in [1_u32, 16, 0] {
        wants.extend(number.to_le_bytes());
    }
    for (index, version) in versions.iter().enumerate() {
        wants.extend([0; 8]);
        wants.extend((strings.len() as u32).to_le_bytes());
        wants.extend(if index + 1 < versions.len() { 16_u32 } else { 0 }.to_le_bytes());
        strings.extend(version.as_bytes());
        strings.push(0);
    }
    (strings, wants)
}

/// What is said of a file with these bytes.
fn checked(bytes: &[u8], architecture: Architecture) -> (String, Result<Bootstrap>) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("it is ours");
    (file.path().display().to_string(), Bootstrap::checked(file.path(), architecture))
}

#[track_caller]
fn check_refused(bytes: &[u8], architecture: Architecture, parts: &[&str]) {
    let (path, result) = checked(bytes, architecture);
    let error = format!("{:#}", result.expect_err("it is refused"));
    for part in parts.iter().chain([&path.as_str()]) {
        assert!(error.contains(part), "`{part}` is not in `{error}`");
    }
}

#[test]
fn a_valid_program_is_shown_with_its_size_and_newest_glibc() {
    let bytes = program(elf::EM_AARCH64, &["GLIBC_2.9", "GLIBC_2.34", "GCC_4.2.0", "GLIBC_2.2.5"], false);
    let (_, result) = checked(&bytes, Architecture::Arm64);
    assert_eq!(result.expect("it fits").to_string(), "  0.0 MB, stripped, glibc 2.34 or later");
    let (_, result) = checked(&program(elf::EM_X86_64, &[], true), Architecture::X86_64);
    assert_eq!(result.expect("it fits").to_string(), "  0.0 MB, with symbols, no glibc");
}

#[test]
fn a_newer_glibc_is_refused() {
    let bytes = program(elf::EM_X86_64, &["GLIBC_2.34", NEW], false);
    check_refused(&bytes, Architecture::X86_64, &["needs GLIBC_2.38,", "has glibc 2.34", "with zig"]);
}

#[test]
fn a_glibc_feature_without_a_number_is_refused() {
    let bytes = program(elf::EM_X86_64, &["GLIBC_2.2.5", "GLIBC_ABI_DT_RELR"], false);
    check_refused(&bytes, Architecture::X86_64, &["needs GLIBC_ABI_DT_RELR,"]);
}

#[test]
fn another_processor_is_refused() {
    let bytes = program(elf::EM_X86_64, &["GLIBC_2.17"], false);
    check_refused(&bytes, Architecture::Arm64, &["built for x86_64, expected arm64", "package --architecture arm64"]);
    check_refused(&program(elf::EM_AARCH64, &[], false), Architecture::X86_64, &["built for arm64, expected x86_64"]);
    check_refused(&program(elf::EM_RISCV, &[], false), Architecture::X86_64, &["built for machine 243"]);
}

#[test]
fn a_file_that_is_no_program_is_refused() {
    check_refused(b"#!/bin/sh\n", Architecture::X86_64, &["is no 64-bit ELF program"]);
    let error = Bootstrap::checked(Path::new("no/such/bootstrap"), Architecture::Arm64).expect_err("it does not exist");
    assert!(error.to_string().contains("`no/such/bootstrap` cannot be read"), "{error}");
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
fn a_program_of_a_real_linker_is_read() {
    let own = std::fs::read(std::env::current_exe().expect("a path")).expect("it exists");
    let read = Bootstrap::read(&own).expect("an ELF program");
    assert_eq!((read.machine, read.bytes), (elf::EM_X86_64, own.len()));
    assert!(read.glibc.iter().any(|name| version_in(name).is_some()), "{read:?}");
}
