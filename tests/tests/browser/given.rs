//! What people really give: files of all sorts, sideways pictures, pastes without a picture, and nothing at all.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use glae_face::RgbImage;
use image::{
    ExtendedColorType, GenericImageView, ImageEncoder, Rgb,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
    imageops,
};
use jpeg_encoder::ColorType;
use serde_json::json;
use tests::picture;

use crate::{
    looks, memory,
    page::{CPU_LIMIT, Page},
    seen::TOLERANCE,
    session::Session,
    watcher::when_loading,
};

/// The most bytes that the estimator's program may hold for any photograph that it accepts.
const MOST_MEMORY: f64 = 350e6;

/// A phone's folder: in the order of its numbers; what systems left behind is passed over, what is no photo is counted,
/// what the browser can decode has its age, and what no decoder reads has its reason.
pub(crate) async fn a_phones_folder(session: &Session) -> Result<()> {
    let album = session.scratch("phone");
    fs::create_dir_all(album.join("__MACOSX"))?;
    let drawn = picture::face(1);
    fs::write(album.join("IMG_10.png"), picture::png(&picture::face(0))?)?;
    fs::write(album.join("IMG_9.bmp"), bmp(&drawn))?;
    fs::write(album.join("IMG_2.HEIC"), heic())?;
    fs::write(album.join("IMG_3"), picture::png(&picture::face(2))?)?;
    fs::write(album.join("._IMG_10.png"), b"\0\x05\x16\x07")?;
    fs::write(album.join("__MACOSX/IMG_10.png"), b"\0\x05\x16\x07")?;
    fs::write(album.join("Thumbs.db"), b"\xd0\xcf")?;
    fs::write(album.join("clip.MOV"), b"\0\0\0\x14ftypqt  ")?;
    fs::write(album.join("who.txt"), b"Who is who")?;
    let same = session.file("same-as-bmp.png", &picture::png(&drawn)?)?;
    let right = session.native("golden-tiny")?.only(&same).await?;

    let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    page.give_all("folder-input", &[&album]).await?;
    page.wait_for("[data-testid=batch-progress][data-done='4'][data-total='4']", CPU_LIMIT).await?;
    let rows = session
        .script(
            "return [...document.querySelectorAll('[data-testid=batch-row]')]
                .map(row => [row.querySelector('th').textContent, row.dataset.years ?? null, row.textContent]);",
        )
        .await?;
    let names: Vec<&str> = (0..4).filter_map(|row| rows[row][0].as_str()).collect();
    ensure!(names == ["phone/IMG_2.HEIC", "phone/IMG_3", "phone/IMG_9.bmp", "phone/IMG_10.png"], "{names:?}");
    let reason = rows[0][2].as_str().unwrap_or_default();
    ensure!(reason.contains("a HEIC photo, which this browser does not read"), "{reason}");
    ensure!(rows[1][1].is_string() && rows[3][1].is_string(), "a photo has no age: {rows}");
    let years: f32 = rows[2][1].as_str().context("the bitmap has an age")?.parse()?;
    ensure!((years - right.years).abs() <= TOLERANCE, "{years} by the browser's decoder, {} by ours", right.years);
    page.says("batch-by-browser", "1 photo was decoded by the browser").await?;
    page.says("left-out", "2 files that are no photos were left out (1 MOV, 1 TXT).").await?;
    looks::look(&page, "estimate-folder").await
}

/// A choice without any photo says so instead of doing nothing; so does a paste without one. A single file that no decoder
/// reads is named.
pub(crate) async fn nothing_to_read(session: &Session) -> Result<()> {
    let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let notes = [session.file("a.txt", b"a")?, session.file("b.csv", b"id,age")?];
    page.give_all("photo-input", &notes).await?;
    page.says("error", "There is no photo in what was given. 2 files that are no photos").await?;
    page.give(&session.file("IMG_1.heic", &heic())?).await?;
    page.says("error", "This file is a HEIC photo, which this browser does not read.").await?;
    looks::look(&page, "estimate-heic").await?;
    session
        .script(
            "const clipboardData = { files: [], items: [], types: ['image/png'] };
            const event = new Event('paste', { bubbles: true });
            Object.defineProperty(event, 'clipboardData', { value: clipboardData });
            document.body.dispatchEvent(event);",
        )
        .await?;
    page.says("error", "This browser does not hand the pasted picture over.").await
}

/// What is shown are the decoded pixels. Browsers and our decoder do not agree which way is up: each browser reads EXIF
/// blocks in other formats and at other places of a file.
pub(crate) async fn sideways(session: &Session) -> Result<()> {
    let upright = picture::face(0);
    for (name, bytes) in lying(&upright)? {
        shown_upright(session, &session.file(name, &bytes)?, &upright).await.context(name)?;
    }
    Ok(())
}

/// Files of a picture that lies on its side in them, and says so in its EXIF block.
fn lying(upright: &RgbImage) -> Result<[(&'static str, Vec<u8>); 3]> {
    // Orientation 6: turn by 90 degrees clockwise to see it upright.
    const TURNED: &[u8] = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let stored = imageops::rotate270(upright);
    let (width, height) = stored.dimensions();
    let (mut webp, mut png, mut jpeg) = (Vec::new(), Vec::new(), Vec::new());
    let mut encoder = WebPEncoder::new_lossless(&mut webp);
    encoder.set_exif_metadata(TURNED.to_vec())?;
    encoder.write_image(&stored, width, height, ExtendedColorType::Rgb8)?;
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_exif_metadata(TURNED.to_vec())?;
    encoder.write_image(&stored, width, height, ExtendedColorType::Rgb8)?;
    JpegEncoder::new_with_quality(&mut jpeg, 95).encode_image(&stored)?;
    // Behind XMP, as Adobe's programs write it.
    let segment = |content: &[u8]| {
        let length = (content.len() as u16 + 2).to_be_bytes();
        [&[0xff, 0xe1], length.as_slice(), content].concat()
    };
    let xmp = segment(b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'/>");
    let exif = segment(&[b"Exif\0\0", TURNED].concat());
    let jpeg = [&jpeg[..2], &xmp, &exif, &jpeg[2..]].concat();
    Ok([("sideways.webp", webp), ("sideways.png", png), ("sideways.jpg", jpeg)])
}

async fn shown_upright(session: &Session, file: &Path, upright: &RgbImage) -> Result<()> {
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    page.estimate(file, CPU_LIMIT).await?;
    // The picture of the decoded pixels comes a moment after their size.
    let (width, height) = upright.dimensions();
    page.wait_until(&format!(
        "const image = document.querySelector('.stage img');
        return image.naturalWidth === {width} && image.naturalHeight === {height};"
    ))
    .await?;
    // Its upper left corner is the sky that was drawn there, and not what lay there in the file.
    let corner = session
        .script(
            "const image = document.querySelector('.stage img');
            const canvas = new OffscreenCanvas(1, 1);
            const context = canvas.getContext('2d');
            context.drawImage(image, -2, -2);
            return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];",
        )
        .await?;
    let right = upright.get_pixel(2, 2).0;
    let near = (0..3).all(|c| corner[c].as_f64().is_some_and(|value| (value - f64::from(right[c])).abs() < 16.0));
    ensure!(near, "the corner is {corner}, and {right:?} in the photo");
    let inside = session
        .script(
            "const stage = document.querySelector('.stage').getBoundingClientRect();
            const face = document.querySelector('[data-testid=face]').getBoundingClientRect();
            return face.top > stage.top + stage.height / 5 && face.bottom < stage.bottom && stage.height > stage.width;",
        )
        .await?;
    ensure!(inside == json!(true), "the box does not lie on the face that is shown");
    Ok(())
}

/// One drawing in the colours of screens and, twice, of print (Adobe's CMYK and YCCK, of which some decoders make negatives)
/// has one age and is shown in one colour.
pub(crate) async fn for_print(session: &Session) -> Result<()> {
    let mut seen: Vec<(f32, Vec<f64>)> = Vec::new();
    let drawn = picture::face(1);
    let inks: Vec<u8> = drawn.pixels().flat_map(|Rgb([r, g, b])| [255 - r, 255 - g, 255 - b, 0]).collect();
    for (name, pixels, colours) in [
        ("screen.jpg", drawn.as_raw(), ColorType::Rgb),
        ("inks.jpg", &inks, ColorType::Cmyk),
        ("inks-as-luma.jpg", &inks, ColorType::CmykAsYcck),
    ] {
        let mut file = Vec::new();
        let (width, height) = (drawn.width() as u16, drawn.height() as u16);
        jpeg_encoder::Encoder::new(&mut file, 95).encode(pixels, width, height, colours)?;
        let mut page = Page::open(session, None, "device=cpu").await?;
        let years = page.estimate(&session.file(name, &file)?, CPU_LIMIT).await?.years;
        let colour = session
            .script(
                "const context = new OffscreenCanvas(1, 1).getContext('2d');
                context.imageSmoothingQuality = 'high';
                context.drawImage(document.querySelector('.stage img'), 0, 0, 1, 1);
                return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];",
            )
            .await?;
        seen.push((years, serde_json::from_value(colour)?));
    }
    let (first, others) = seen.split_first().context("there are three")?;
    for (years, colour) in others {
        ensure!((years - first.0).abs() <= 2.0, "{years} years in place of {}", first.0);
        let near = colour.iter().zip(&first.1).all(|(own, first)| (own - first).abs() < 8.0);
        ensure!(near, "it is shown in {colour:?} in place of {:?}", first.1);
    }
    Ok(())
}

/// A picture enlarged where it is looked at, so that encoding it takes no memory beside the file.
struct Enlarged(RgbImage, u32);

impl GenericImageView for Enlarged {
    type Pixel = Rgb<u8>;

    fn dimensions(&self) -> (u32, u32) {
        (self.0.width() * self.1, self.0.height() * self.1)
    }

    fn get_pixel(&self, x: u32, y: u32) -> Rgb<u8> {
        *self.0.get_pixel(x / self.1, y / self.1)
    }
}

/// A photograph of 111 megapixels, as phones make them, has its age; one that is not shrunk is searched for small faces; both
/// are turned: in bounded memory.
pub(crate) async fn a_phones_largest(session: &Session) -> Result<()> {
    for (name, photo) in
        [("phone.jpg", Enlarged(picture::face(0), 19)), ("nobody.jpg", Enlarged(picture::landscape(), 15))]
    {
        let (width, height) = photo.dimensions();
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 80).encode_image(&photo)?;
        let file = session.file(name, &bytes)?;
        session.watcher.set_worker_prelude(Some(&when_loading(memory::KEEP)));
        let outcome = async {
            // Alone, so that the newest worker is the one that decodes.
            let page = Page::open(session, Some("golden-tiny"), "device=cpu&threads=1").await?;
            page.give(&file).await?;
            page.wait_for("[data-testid=estimate][data-years], [data-testid=no-face]", CPU_LIMIT).await?;
            page.click("turn").await?;
            page.wait_for("[data-testid=faces][aria-busy=true], .waiting", CPU_LIMIT).await?;
            page.wait_for("[data-testid=estimate][data-years], [data-testid=no-face]", CPU_LIMIT).await?;
            memory::held_by_program(session, "worker").await
        }
        .await;
        session.watcher.set_worker_prelude(None);
        let held = outcome?;
        println!("{name}, {width} x {height}: the estimator's program holds {:.0} MB", held / 1e6);
        ensure!(held <= MOST_MEMORY, "{held} bytes for {width} x {height} pixels");
    }
    Ok(())
}

/// Three drawn faces for visitors without a photo, one click each.
pub(crate) async fn examples(session: &Session) -> Result<()> {
    for index in 0..3 {
        let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
        page.wait_for("[data-testid=example]", CPU_LIMIT).await?;
        session.script(&format!("document.querySelectorAll('[data-testid=example]')[{index}].click();")).await?;
        page.answer(CPU_LIMIT).await.with_context(|| format!("example {}", index + 1))?;
    }
    Ok(())
}

/// A translation of the page replaces texts; numbers that go on changing must not freeze.
pub(crate) async fn translated(session: &Session) -> Result<()> {
    // What browsers do: each text that may be translated becomes an element of its own, now and whenever one comes.
    const TRANSLATE: &str = "
        const translate = root => {
            const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
            const texts = [];
            while (walker.nextNode()) texts.push(walker.currentNode);
            for (const text of texts) {
                if (!text.data.trim() || text.parentElement?.closest('[translate=no], font, script, style')) continue;
                const font = document.createElement('font');
                font.textContent = '\u{ab}' + text.data + '\u{bb}';
                text.replaceWith(font);
            }
        };
        translate(document.body);
        new MutationObserver(() => translate(document.body)).observe(document.body, { childList: true, subtree: true });";
    let mut files = Vec::new();
    for variant in 0..3 {
        files.push(session.file(&format!("drawn-{variant}.png"), &picture::png(&picture::face(variant))?)?);
    }
    let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    session.script(TRANSLATE).await?;
    page.give_all("photo-input", &files).await?;
    page.wait_for("[data-testid=batch-progress][data-done='3']", CPU_LIMIT).await?;
    page.says("batch-progress", "3 of 3 photos done").await?;
    page.says("device", "CPU").await?;
    let translated = session.script("return document.querySelectorAll('main font').length;").await?;
    ensure!(translated.as_u64() > Some(3), "nothing was translated");
    page.follow("/leaderboard").await?;
    page.wait_for("[data-board=mivia] a", CPU_LIMIT).await?.click().await?;
    page.wait_for("[data-testid=predictions-input]", CPU_LIMIT).await?;
    for name in ["one.csv", "two.csv"] {
        page.give_all("predictions-input", &[session.file(name, b"id,age\n1,30\n")?]).await?;
        let given =
            format!("return document.querySelector('label[for=predictions] + .given').textContent.includes('{name}');");
        page.wait_until(&given).await?;
    }
    Ok(())
}

/// The smallest thing that is called HEIC: its first box. No browser on Linux reads one.
fn heic() -> Vec<u8> {
    [b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".as_slice(), &[7; 400]].concat()
}

/// A Windows bitmap, 24 bits without compression, rows from below.
fn bmp(image: &RgbImage) -> Vec<u8> {
    let (width, height) = image.dimensions();
    let padding = vec![0; (4 - width as usize * 3 % 4) % 4];
    let mut bytes = b"BM".to_vec();
    let size = 54 + (width as usize * 3 + padding.len()) * height as usize;
    for word in [size as u32, 0, 54, 40, width, height, 1 | 24 << 16, 0, 0, 0, 0, 0, 0] {
        bytes.extend(word.to_le_bytes());
    }
    for y in (0..height).rev() {
        for x in 0..width {
            let [r, g, b] = image.get_pixel(x, y).0;
            bytes.extend([b, g, r]);
        }
        bytes.extend(&padding);
    }
    bytes
}
