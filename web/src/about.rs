//! The page "About".

use glae_model::manifest::{AgeMeasured, ManifestHead};
use js_sys::JSON;
use leptos::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;
use web_sys::RequestCache;

use crate::browser::{answered, get};
use crate::engine::WorkerHandle;
use crate::inference::protocol::FETCH_SECONDS;
use crate::weights::{Index, Wanted};

/// Route `/about`.
#[component]
pub fn AboutPage() -> impl IntoView {
    document().set_title("GLAE · About");
    view! {
        <article class="prose">
            <h1>"About"</h1>
            <p class="lead">
                "GLAE looks at a face and says how old it looks. Everything it needs runs in your browser, on your
                graphics card or processor."
            </p>

            <h2>"Your photo never leaves this device"</h2>
            <p>
                "Photos and the camera's pictures are looked at on this device, and forgotten when you close the page. Nothing
                is uploaded, nothing is counted, there are no cookies. The page fetches only itself and the networks'
                weights; the browser keeps the weights, so the next visit starts sooner, and how fast your graphics adapter
                was. The camera runs only while you see its picture here, and is released when you stop it or leave the
                tab."
            </p>

            <h2>"How it decides"</h2>
            <ol>
                <li>"A small network finds the faces, each with five points: eyes, tip of the nose, corners of the mouth."</li>
                <li>
                    "Each face is turned upright and scaled so that its points lie where they lay in training. Very small
                    faces and those turned away are not judged. Where no face is found, you can mark a square by hand."
                </li>
                <li>"The age network looks at the straightened face and at its mirror image."</li>
                <li>
                    "Two classifiers answer, each with a probability for every age from 0 to 100. The "
                    <em>"vanilla"</em>" one learned from photos as they come, where most people are between 20 and 40. The "
                    <em>"balanced"</em>" one learned with every age equally often, so that rare ages count as much as common ones."
                </li>
                <li>
                    "A face is as old in the mirror. How much the mirror image disturbs each classifier's answer, a Kullback-Leibler
                    divergence in nats, stands in the details of each face. The article takes the classifier that is disturbed
                    less; weights may ask for a mixture of both, and then the details say with which shares, and what the
                    article's rule would have shown."
                </li>
                <li>"The age shown is read out of that distribution, over both images."</li>
            </ol>
            <p>
                "Before the first estimate, each device computes an input with a known answer with both networks. A device that
                gets it wrong is not used."
            </p>
            <p>"The method is that of the article “General vs. Long-Tailed Age Estimation: An Approach to Kill Two Birds With One Stone”."</p>

            <h2>"How good it is"</h2>
            <Beside/>

            <h2>"Limits"</h2>
            <ul>
                <li>"It sees one picture, not a person. Being wrong by several years is normal."</li>
                <li>
                    "JPEG, PNG and WebP are decoded by this page, alike everywhere. Other formats are decoded by your browser, where
                    it can; then another browser may see other pixels."
                </li>
                <li>"Light, make-up, glasses, blur and an unusual angle move the answer."</li>
                <li>"Faces that were rare in the training photos are estimated worse."</li>
                <li>"What is found may be a drawing, a statue or no face at all; a square marked by hand is never questioned."</li>
                <li>"Do not decide anything about a person with it: no admission, no sale, no proof of age."</li>
            </ul>

            <h2>"The weights"</h2>
            <Weights/>

            <h2>"The program"</h2>
            <p>"The source code is free to use under the MIT licence or the Apache licence 2.0. The weights carry their own terms, above."</p>
        </article>
    }
}

/// `/weights/accuracy.json`, as `cargo xtask bench accuracy` leaves it.
#[derive(Clone, Debug, Deserialize)]
struct Accuracy {
    /// Whose figures the first row are.
    weights: String,
    photographs: usize,
    rows: Vec<AccuracyRow>,
}

#[derive(Clone, Debug, Deserialize)]
struct AccuracyRow {
    name: String,
    /// Photographs without an answer.
    missing: usize,
    /// Share of the answers inside the labelled age group.
    inside: f64,
    /// Mean distance to it, in years.
    years: f64,
}

/// The default weights beside what a web developer would take instead.
#[component]
fn Beside() -> impl IntoView {
    let accuracy = LocalResource::new(async || read::<Accuracy>(&fetched("/weights/accuracy.json").await?));
    move || {
        match accuracy.get() {
        None => view! { <p class="hint">"Reading the figures"</p> }.into_any(),
        Some(None) => {
            view! { <p>"The figures could not be read. Check the connection and reload the page."</p> }.into_any()
        }
        Some(Some(Accuracy { weights, photographs, rows })) => view! {
            <div class="scroll-x">
                <table data-testid="beside">
                    <caption>
                        {format!(
                            "{photographs} everyday photographs that no age network here was trained on (FairFace, 40 for each of nine \
                             age groups), with the weights {weights}. No answer counts as outside, and as 29 years.",
                        )}
                    </caption>
                    <thead>
                        <tr>
                            <th scope="col">"Answers by"</th><th scope="col">"Inside the age group"</th>
                            <th scope="col">"Years from it"</th><th scope="col">"No answer"</th>
                        </tr>
                    </thead>
                    <tbody>
                        {rows.into_iter().map(|AccuracyRow { name, missing, inside, years }| view! {
                            <tr>
                                <th scope="row">{name}</th>
                                <td>{format!("{:.1} %", 100.0 * inside)}</td>
                                <td>{format!("{years:.1}")}</td>
                                <td>{missing}</td>
                            </tr>
                        }).collect_view()}
                    </tbody>
                </table>
            </div>
        }
        .into_any(),
    }
    }
}

/// What only the age network's manifest says.
#[derive(Clone, Debug, Deserialize)]
struct AgeFacts {
    /// Published weights that training began with; empty where it began at random.
    #[serde(default)]
    began_with: String,
    #[serde(default)]
    measured: Vec<AgeMeasured>,
}

/// Read from the manifests of the weights in use; the weights themselves are not touched.
#[component]
fn Weights() -> impl IntoView {
    let wanted = expect_context::<WorkerHandle>().wanted_weights();
    let manifests = LocalResource::new(move || manifests(wanted.clone()));
    move || match manifests.get() {
        None => view! { <p class="hint">"Reading the manifests"</p> }.into_any(),
        Some(None) => {
            view! { <p>"The manifests could not be read. Check the connection and reload the page."</p> }.into_any()
        }
        Some(Some(Manifests { ages, facts, detector, choice })) => view! {
            <Terms of="Age network" weights=ages began_with=facts.began_with/>
            <Measurements measured=facts.measured/>
            {choice.map(|(bytes, small)| view! { <Sizes bytes small/> })}
            <Terms of="Face detector" weights=detector began_with=String::new()/>
        }
        .into_any(),
    }
}

#[component]
fn Terms(of: &'static str, weights: ManifestHead, began_with: String) -> impl IntoView {
    view! {
        <h3>{of}</h3>
        <dl class="facts stacked">
            <div><dt>"Name"</dt><dd>{format!("{} ({:.1} MB)", weights.name, weights.bytes as f64 / 1e6)}</dd></div>
            <div><dt>"Trained on"</dt><dd>{weights.trained_on}</dd></div>
            {(!began_with.is_empty()).then(|| view! { <div><dt>"Began with"</dt><dd>{began_with}</dd></div> })}
            <div><dt>"Licence"</dt><dd>{weights.licence}</dd></div>
        </dl>
    }
}

/// The way to the other weights.
#[component]
fn Sizes(bytes: [u64; 2], small: bool) -> impl IntoView {
    let [full, less] = bytes.map(|bytes| format!("{:.1} MB", bytes as f64 / 1e6));
    let (address, other) = if small {
        ("/?weights=full", format!("Use the full ones ({full})"))
    } else {
        ("/?weights=small", format!("Use the small ones ({less})"))
    };
    view! {
        <p data-testid="sizes">
            {format!(
                "There are full weights ({full}) and small ones ({less}), which err more. The small ones are taken by themselves \
                 where your browser reports a slow or metered connection, or little memory. "
            )}
            // A new start of the page: weights are chosen when it opens.
            <a href=address rel="external">{other}</a>
        </p>
    }
}

#[component]
fn Measurements(measured: Vec<AgeMeasured>) -> impl IntoView {
    view! {
        {(!measured.is_empty()).then(|| view! {
            <div class="scroll-x">
                <table>
                    <caption>"Measured errors, in years. MAE: mean over photos. CMAE: mean over ages."</caption>
                    <thead>
                        <tr>
                            <th scope="col">"Answer"</th><th scope="col">"Photos"</th>
                            <th scope="col">"MAE"</th><th scope="col">"CMAE"</th>
                        </tr>
                    </thead>
                    <tbody>
                        {measured.into_iter().map(|row| view! {
                            <tr>
                                <th scope="row">{format!("{}, {}", row.answer, if row.split == "val" { "validation" } else { &row.split })}</th>
                                <td>{row.samples}</td>
                                <td>{format!("{:.2}", row.mae)}</td>
                                <td>{format!("{:.2}", row.cmae)}</td>
                            </tr>
                        }).collect_view()}
                    </tbody>
                </table>
            </div>
        })}
    }
}

/// All that this page shows of the weights.
#[derive(Clone)]
struct Manifests {
    ages: ManifestHead,
    facts: AgeFacts,
    detector: ManifestHead,
    /// The size of the default and of the small weights in bytes, and whether the small ones are in use.
    choice: Option<([u64; 2], bool)>,
}

async fn manifests(wanted: Wanted) -> Option<Manifests> {
    let index: Index = read(&fetched("/weights/index.json").await?)?;
    let of = |name: &str| format!("/weights/{name}/manifest.json");
    let name = wanted.of(&index);
    let own = fetched(&of(&name)).await?;
    let ages: ManifestHead = read(&own)?;
    let choice = match index.small.as_ref().filter(|small| **small == name || index.default == name) {
        Some(small) => {
            let is_small = *small == name;
            let other = if is_small { &index.default } else { small };
            let other: ManifestHead = read(&fetched(&of(other)).await?)?;
            Some((if is_small { [other.bytes, ages.bytes] } else { [ages.bytes, other.bytes] }, is_small))
        }
        None => None,
    };
    let detector = read(&fetched(&of(&index.detector)).await?)?;
    Some(Manifests { ages, facts: read(&own)?, detector, choice })
}

/// A JSON file of the site.
async fn fetched(url: &str) -> Option<JsValue> {
    let response = get(url, RequestCache::Default, FETCH_SECONDS).await.ok()?;
    JSON::parse(&answered(FETCH_SECONDS, response.text()).await.ok()?).ok()
}

fn read<T: DeserializeOwned>(value: &JsValue) -> Option<T> {
    serde_wasm_bindgen::from_value(value.clone()).ok()
}
