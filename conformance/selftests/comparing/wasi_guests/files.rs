//! A guest that uses files through the standard library of Rust.
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::{Duration, UNIX_EPOCH};

fn main() -> std::io::Result<()> {
    assert_eq!(fs::read_to_string("/in/a.txt")?, "hello\n");
    fs::create_dir_all("/d/e/f")?;
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open("/d/e/x")?;
    file.write_all(b"0123456789")?;
    file.seek(SeekFrom::End(-3))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    assert_eq!(text, "789");
    file.set_len(5)?;
    file.sync_all()?;
    file.sync_data()?;
    file.set_modified(UNIX_EPOCH + Duration::from_secs(9))?;
    assert_eq!(fs::metadata("/d/e/x")?.modified()?, UNIX_EPOCH + Duration::from_secs(9));
    fs::rename("/d/e/x", "/d/y")?;
    assert_eq!(file.metadata()?.len(), 5);
    fs::copy("/d/y", "/copy")?;
    fs::remove_file("/d/y")?;
    file.seek(SeekFrom::Start(0))?;
    text.clear();
    file.read_to_string(&mut text)?;
    assert_eq!(text, "01234");
    OpenOptions::new().append(true).open("/copy")?.write_all(b"!")?;
    let mut names: Vec<_> = fs::read_dir("/")?.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["copy", "d", "in"]);
    assert!(File::open("/missing").is_err() && fs::remove_dir("/d").is_err());
    assert!(fs::metadata("/d")?.is_dir() && fs::symlink_metadata("/copy")?.is_file());
    fs::remove_dir_all("/d")?;
    assert!(!std::path::Path::new("/d").exists());
    std::thread::yield_now();
    assert_eq!(std::env::args().collect::<Vec<_>>(), ["guest"]);
    println!("done");
    eprintln!("error");
    Ok(())
}
